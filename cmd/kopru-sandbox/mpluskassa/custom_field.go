package mpluskassa

// customField is a field of the installation's own; the data type says in which element its value stands.
type customField struct{ name, kind string }

func articleCustomFields() []customField {
	return []customField{
		{"Seizoen", "DATA-TYPE-STRING"},
		{"Gewicht", "DATA-TYPE-DECIMAL"},
		{"Webtekst", "DATA-TYPE-STRING"},
		{"Actie", "DATA-TYPE-BOOL"},
		{"Vanaf", "DATA-TYPE-DATE"},
	}
}

func (t *till) getCustomFieldLists(*element) (*element, error) {
	list := el("articleCustomFieldList")
	for _, f := range articleCustomFields() {
		list.add(el("customField", val("fieldName", f.name), val("dataType", f.kind), val("isRequired", false)))
	}
	return el("", list, el("relationCustomFieldList")), nil
}

// typed gives an article's custom fields the types they were set up with; it is false when one is unknown or holds
// something else.
func typed(article *element) bool {
	holds := map[string]string{
		"DATA-TYPE-STRING": "strValue", "DATA-TYPE-DECIMAL": "intValue", "DATA-TYPE-BOOL": "boolValue", "DATA-TYPE-DATE": "dateValue",
	}
	for _, f := range article.get("customFieldList").all("customField") {
		kind := ""
		for _, known := range articleCustomFields() {
			if known.name == f.str("fieldName") {
				kind = known.kind
			}
		}
		if kind == "" {
			return false
		}
		for _, c := range f.children {
			value := c.name != "fieldName" && c.name != "dataType" && c.name != "isRequired" && c.name != "decimalPlaces"
			if value && c.name != holds[kind] {
				return false
			}
		}
		f.put(val("dataType", kind))
	}
	return true
}
