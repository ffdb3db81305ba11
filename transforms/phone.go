package transforms

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

const longestPhone = 60 // characters

// phoneNumber is a telephone number as +31201234567. The country is that of numbers which name none.
func phoneNumber(text, country string) (string, bool) {
	if len(text) > longestPhone {
		return "", false
	}
	number, err := phonenumbers.Parse(text, strings.ToUpper(country))
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", false
	}
	return phonenumbers.Format(number, phonenumbers.E164), true
}
