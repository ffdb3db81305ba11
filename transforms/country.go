package transforms

import (
	_ "embed" // for the table
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run ./std/countries std/countries.txt

// countryTable has a line for each country: its two letters, its three, and its names in the languages of Europe,
// separated by tabs.
//
//go:embed std/countries.txt
var countryTable string

var countries = sync.OnceValue(func() map[string]string {
	byName := map[string]string{}
	for line := range strings.Lines(countryTable) {
		names := strings.Split(strings.TrimSpace(line), "\t")
		for _, name := range names {
			byName[folded(name)] = names[0]
		}
	}
	return byName
})

// countryCode is the ISO 3166 code of two letters for a code or a name.
func countryCode(text string) (string, bool) {
	code, ok := countries()[folded(text)]
	return code, ok
}

// folded is text without case, accents, points and spaces, so that "Türkiye", "TURKIYE" and "turkiye" are one.
func folded(text string) string {
	var out strings.Builder
	for _, c := range norm.NFKD.String(strings.ToLower(text)) {
		switch c {
		case 'ı':
			out.WriteRune('i')
		case 'ø':
			out.WriteRune('o')
		case 'ß':
			out.WriteString("ss")
		case 'æ':
			out.WriteString("ae")
		case 'ł':
			out.WriteRune('l')
		case 'đ':
			out.WriteRune('d')
		default:
			if unicode.IsLetter(c) || unicode.IsDigit(c) {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}
