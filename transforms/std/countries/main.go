// Command countries writes the table of country codes and names that countryCode looks in. The names are CLDR's.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// languages whose names of countries are known.
var languages = []language.Tag{
	language.English, language.Dutch, language.Norwegian, language.Swedish, language.Danish, language.German,
	language.French, language.Turkish, language.Finnish, language.Spanish, language.Italian, language.Portuguese,
	language.Polish, language.Czech,
}

// aliases are names in use that CLDR does not have.
var aliases = map[string][]string{
	"NL": {"Holland", "The Netherlands", "Nederlanden", "Hollanda"},
	"GB": {"UK", "Great Britain", "England", "Engeland", "Scotland", "Wales", "Northern Ireland", "Groot-Brittannië", "Storbritannia", "Storbritannien", "Grossbritannien", "Birleşik Krallık", "İngiltere"},
	"US": {"United States of America", "USA", "U.S.A.", "America", "Verenigde Staten van Amerika", "VS", "Vereinigte Staaten von Amerika", "ABD"},
	"DE": {"Federal Republic of Germany", "Bundesrepublik Deutschland", "BRD"},
	"NO": {"Noreg"},
	"AX": {"Aland"},
	"CZ": {"Czech Republic", "Tsjechische Republiek", "Tschechische Republik"},
	"TR": {"Turkey", "Türkiye", "Turkije", "Türkiye Cumhuriyeti", "T.C."},
	"IE": {"Republic of Ireland", "Eire"},
	"KR": {"South Korea", "Republic of Korea"},
	"AE": {"UAE"},
	"RU": {"Russian Federation"},
	"CH": {"Confoederatio Helvetica"},
	"VA": {"Vatican"},
	"MK": {"Macedonia"},
	"CI": {"Ivory Coast"},
}

// retired are codes that CLDR still names and no address has: of states that are no more, and of parts of others.
var retired = strings.Fields("AC AN BU CP CS CT DD DG DY EA FQ FX HV IC JT MI NH NQ NT PC PU PZ RH SU TA TP VD WK YD YU ZR")

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	var out strings.Builder
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			if err != nil || region.String() != code || !region.IsCountry() || region.ISO3() == "ZZZ" || slices.Contains(retired, code) {
				continue
			}
			if names := names(region); len(names) > 0 {
				fmt.Fprintln(&out, strings.Join(append([]string{code, region.ISO3()}, names...), "\t"))
			}
		}
	}
	return os.WriteFile(path, []byte(out.String()), 0o644)
}

func names(region language.Region) []string {
	var names []string
	for _, tag := range languages {
		name := display.Regions(tag).Name(region)
		if name != "" && name != region.String() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range aliases[region.String()] {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
