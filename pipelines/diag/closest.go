package diag

import "github.com/agext/levenshtein"

// Closest is the candidate that name was probably meant to be, "" when none is near.
func Closest(name string, candidates []string) string {
	best, distance := "", max(1, min(3, len(name)/3))+1
	for _, c := range candidates {
		if d := levenshtein.Distance(name, c, nil); d < distance {
			best, distance = c, d
		}
	}
	return best
}
