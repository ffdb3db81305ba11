package diag

import (
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// Closest is the candidate that name was probably meant to be, "" when none is near.
func Closest(name string, candidates []string) string {
	length := utf8.RuneCountInString(name)
	if length < 2 {
		return ""
	}
	best, distance := "", max(1, min(3, (length+1)/3))+1
	for _, c := range candidates {
		if strings.EqualFold(name, c) {
			return c
		}
		if length > 3 && best == "" && strings.HasPrefix(c, name) { // cut short
			best = c
		}
		if d := levenshtein.Distance(name, c, nil); d < distance && d < length {
			best, distance = c, d
		}
	}
	return best
}
