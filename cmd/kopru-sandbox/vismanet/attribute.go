package vismanet

import (
	"slices"
	"strings"
	"time"
)

// attribute is a field of their own that a company gives its customers or items.
type attribute struct {
	id, description, control string
	choices                  []named
}

func newAttributes() []*attribute {
	return []*attribute{
		{"COLOR", "Kleur", "Combo", []named{
			{"WIT", "Wit"},
			{"ZWART", "Zwart"},
			{"ROOD", "Rood"},
			{"BLAUW", "Blauw"},
			{"GROEN", "Groen"},
		}},
		{"LEVERBAAR", "Leverbaar vanaf", "Datetime", nil},
		{"NEWSLETTER", "Nieuwsbrief", "Checkbox", nil},
		{
			"SEIZOEN", "Seizoen", "MultiSelectCombo",
			[]named{{"VJ", "Voorjaar"}, {"ZO", "Zomer"}, {"HE", "Herfst"}, {"WI", "Winter"}},
		},
		{"SIZE", "Maat", "Combo", []named{{"S", "Small"}, {"M", "Medium"}, {"L", "Large"}, {"XL", "Extra large"}}},
		{"WEBID", "Webshopnummer", "Text", nil},
		{"WEBSHOP", "In de webshop", "Checkbox", nil},
	}
}

// accepts tells whether the attribute may have the value.
func (a *attribute) accepts(value string) bool {
	switch a.control {
	case "Checkbox":
		return value == "0" || value == "1"
	case "Combo":
		return a.choice(value) != nil
	case "MultiSelectCombo":
		return !slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return a.choice(v) == nil })
	case "Datetime":
		_, err := time.Parse(time.DateOnly, value)
		return err == nil
	}
	return true
}

func (a *attribute) choice(id string) *named {
	for i := range a.choices {
		if a.choices[i].id == id {
			return &a.choices[i]
		}
	}
	return nil
}

// textOf is the text of a value; a free value is its own text.
func (a *attribute) textOf(value string) string {
	if c := a.choice(value); c != nil {
		return c.description
	}
	return value
}

// classAttributes is how a customer or item class shows its attributes.
func (b *books) classAttributes(ids []string) []object {
	out := make([]object, 0, len(ids))
	for i, id := range ids {
		a := b.attribute(id)
		details := make([]object, 0, len(a.choices))
		for _, c := range a.choices {
			details = append(details, object{"id": c.id, "description": c.description})
		}
		out = append(out, object{
			"attributeId": a.id, "description": a.description, "sortOrder": i + 1, "required": false,
			"attributeType": a.control, "details": details,
		})
	}
	return out
}
