package vismanet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// attribute is a field of their own that a company gives its customers or items.
type attribute struct {
	stamp
	id, description, control string
	internal                 bool
	choices                  []choice
}

// choice is one of the values of an attribute that has a list of them.
type choice struct {
	id, description string
	order           int
	disabled        bool
}

func (a *attribute) key() string { return a.id }

func newAttributes() []*attribute {
	var out []*attribute
	for _, a := range []struct {
		id, description, control string
		choices                  []named
	}{
		{"COLOR", "Kleur", "Combo", []named{
			{"WIT", "Wit"},
			{"ZWART", "Zwart"},
			{"ROOD", "Rood"},
			{"BLAUW", "Blauw"},
			{"GROEN", "Groen"},
		}},
		{"FAMILIE", "Product", "Text", nil},
		{"LEVERBAAR", "Leverbaar vanaf", "Datetime", nil},
		{"NEWSLETTER", "Nieuwsbrief", "Checkbox", nil},
		{
			"SEIZOEN", "Seizoen", "MultiSelectCombo",
			[]named{{"VJ", "Voorjaar"}, {"ZO", "Zomer"}, {"HE", "Herfst"}, {"WI", "Winter"}},
		},
		{"SIZE", "Maat", "Combo", []named{{"S", "Small"}, {"M", "Medium"}, {"L", "Large"}, {"XL", "Extra large"}}},
		{"WEBGROEP", "Webgroep", "Combo", nil},
		{"WEBID", "Webshopnummer", "Text", nil},
		{"WEBSHOP", "In de webshop", "Checkbox", nil},
	} {
		made := &attribute{id: a.id, description: a.description, control: a.control}
		for i, c := range a.choices {
			made.choices = append(made.choices, choice{id: c.id, description: c.description, order: i + 1})
		}
		out = append(out, made)
	}
	return out
}

const controlTypes = "Text Combo MultiSelectCombo Lookup Checkbox Datetime"

var attributeUpdate = newSchema("AttributeUpdateDto",
	wrapped(text, "attributeID description entryMask regExp"), wrapped(boolean, "internal"), wrappedEnum("controlType", controlTypes),
	listOf(newSchema("AttributeDetailUpdateDto", bareEnum("operation", "Insert Update Delete"),
		wrapped(text, "valueId description"), wrapped(integer, "sortOrder"), wrapped(boolean, "disabled")), "details"))

func (s *Server) listAttributes(r *request) response {
	id, control := r.param("attributeID"), r.param("controlType")
	return answerList(s, r, listing[*attribute]{
		rows: s.books.attributes, paged: true, render: s.renderAttribute,
		keep: func(a *attribute) bool { return equalFilter(a.id, id) && equalFilter(a.control, control) },
	})
}

func (s *Server) attributeOf(r *request) (*attribute, *response) {
	if a := s.books.attribute(r.path["attributeId"]); a != nil {
		return a, nil
	}
	resp := s.missing("Attribute", r.path["attributeId"])
	return nil, &resp
}

func (s *Server) getAttribute(r *request) response {
	a, bad := s.attributeOf(r)
	if bad != nil {
		return *bad
	}
	return s.single(s.renderAttribute(a), "")
}

func (s *Server) renderAttribute(a *attribute) object {
	details := make([]object, 0, len(a.choices))
	for _, c := range a.choices {
		details = append(details, object{"valueId": c.id, "description": c.description, "sortOrder": c.order, "disabled": c.disabled})
	}
	return object{
		"attributeID": a.id, "description": a.description, "controlType": a.control, "internal": a.internal, "details": details,
		"createdDateTime": s.instant(a.created), "lastModifiedDateTime": s.instant(a.modified),
	}
}

func (s *Server) postAttribute(r *request) response {
	v, bad := s.read(s.api, r, attributeUpdate)
	if bad != nil {
		return *bad
	}
	a := &attribute{id: v.text("attributeID"), control: "Text"}
	switch {
	case a.id == "":
		return s.apiProblem([]flaw{{message: "Error: 'Attribute ID' cannot be empty."}})
	case s.books.attribute(a.id) != nil:
		return s.apiProblem([]flaw{{message: "Error: The attribute '" + a.id + "' already exists."}})
	}
	if flaws := a.change(v); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	a.stamp = s.books.newStamp()
	s.books.attributes = append(s.books.attributes, a)
	slices.SortFunc(s.books.attributes, func(x, y *attribute) int { return strings.Compare(x.id, y.id) })
	return s.created(r, "/v1/attribute/"+pathKey(a.id))
}

func (s *Server) putAttribute(r *request) response {
	a, bad := s.attributeOf(r)
	if bad != nil {
		return *bad
	}
	v, bad := s.read(s.api, r, attributeUpdate)
	if bad != nil {
		return *bad
	}
	draft := *a
	draft.choices = slices.Clone(a.choices)
	if flaws := draft.change(v); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	*a = draft
	s.books.touch(&a.stamp)
	return response{status: 204}
}

// deleteAttribute refuses to delete what a class has.
func (s *Server) deleteAttribute(r *request) response {
	a, bad := s.attributeOf(r)
	if bad != nil {
		return *bad
	}
	for _, c := range s.books.setup.itemClasses {
		if containsText(c.attributes, a.id) {
			return s.apiProblem([]flaw{{message: "Error: The attribute '" + a.id + "' is used by the class '" + c.id + "'."}})
		}
	}
	s.books.attributes = slices.DeleteFunc(s.books.attributes, func(have *attribute) bool { return have == a })
	return response{status: 204}
}

// change applies what was sent to a draft.
func (a *attribute) change(v values) []flaw {
	var flaws []flaw
	refuse := func(path, format string, args ...any) {
		flaws = append(flaws, flaw{path: path, message: fmt.Sprintf(format, args...)})
	}
	for name, to := range map[string]*string{"description": &a.description, "controlType": &a.control} {
		if t := v.text(name); t != "" {
			*to = t
		}
	}
	if b, ok := v["internal"].(bool); ok {
		a.internal = b
	}
	lines := v.list("details")
	if len(lines) > 0 && !strings.HasSuffix(a.control, "Combo") {
		refuse("details", "An attribute of type %s has no list of values.", a.control)
	}
	for n, line := range lines {
		path, id := fmt.Sprintf("details[%d]", n), line.text("valueId")
		i := slices.IndexFunc(a.choices, func(c choice) bool { return same(c.id, id) })
		operation := line.text("operation")
		switch {
		case id == "":
			refuse(path, "'Value ID' cannot be empty.")
			continue
		case operation == "Insert" && i >= 0:
			refuse(path, "The value '%s' already exists.", id)
			continue
		case operation != "Insert" && i < 0:
			refuse(path, "The value '%s' cannot be found in the system.", id)
			continue
		case operation == "Delete":
			a.choices = slices.Delete(a.choices, i, i+1)
			continue
		case i < 0:
			a.choices = append(a.choices, choice{id: id, order: len(a.choices) + 1})
			i = len(a.choices) - 1
		}
		c := &a.choices[i]
		if line.has("description") {
			c.description = line.text("description")
		}
		if order, ok := line["sortOrder"].(int); ok {
			c.order = order
		}
		if off, ok := line["disabled"].(bool); ok {
			c.disabled = off
		}
	}
	return flaws
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

func (a *attribute) choice(id string) *choice {
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
