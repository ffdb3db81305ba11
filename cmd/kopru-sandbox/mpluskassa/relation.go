package mpluskassa

import (
	"strings"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

func (t *till) nextRelationMarker() int64 {
	t.relationMarker = next(t.relationMarker)
	return t.relationMarker
}

// relationOf is a relation as the server keeps it. Fields that are empty are there in one relation and not in another.
func (t *till) relationOf(r *shop.Relation) *element {
	e := el(
		"relation", val("relationNumber", r.Number), val("syncMarker", t.nextRelationMarker()),
		t.moment("createTimestamp", r.Created),
		t.moment("changeTimestamp", r.Created), val("active", true), val("name", r.Name), val("points", 0),
		val("balance", 0),
		val("defaultVatMethod", "VAT-METHOD-INCLUSIVE"),
	)
	for _, f := range [][2]string{
		{"extRelationId", r.ExtID},
		{"address", r.Home.Street},
		{"zipcode", r.Home.Zipcode},
		{"city", r.Home.City},
		{"country", r.Home.Country},
		{"deliveryAddress", r.Delivery.Street},
		{"deliveryZipcode", r.Delivery.Zipcode},
		{"deliveryCity", r.Delivery.City},
		{"deliveryCountry", r.Delivery.Country},
		{"contact", r.Contact},
		{"telephone", r.Telephone},
		{"mobile", r.Mobile},
		{"email", r.Email},
		{"vatNumber", r.VatNumber},
		{"extraText", r.Text},
		{"companyName", r.Company},
	} {
		if f[1] != "" || r.Number%2 == 0 {
			e.add(val(f[0], f[1]))
		}
	}
	return e
}

// relation is a relation by number, or nil.
func (t *till) relation(number int64) *element { return t.byNumber[number] }

func (t *till) keepRelation(number int64, r *element) {
	t.relations = append(t.relations, r)
	t.byNumber[number] = r
}

func (t *till) getRelations(req *element) (*element, error) {
	r := req.get("request")
	wanted, category := r.numbers("relationNumbers"), r.num("categoryId")
	var found []*element
	for _, rel := range t.relations {
		if len(wanted) > 0 && !wanted[rel.num("relationNumber")] || category != 0 && rel.num("categoryId") != category {
			continue
		}
		found = append(found, rel)
	}
	marker := func(e *element) int64 { return e.num("syncMarker") }
	found = page(found, marker, r.num("syncMarker"), r.num("syncMarkerLimit"), int64(t.opts.RelationCap))
	return el("", el("relationList", found...)), nil
}

func (t *till) getRelation(req *element) (*element, error) {
	if r := t.relation(req.num("relationNumber")); r != nil {
		return el("", val("result", "GET-RELATION-RESULT-OK"), r), nil
	}
	return el("", val("result", "GET-RELATION-RESULT-NOT-FOUND"), el("relation")), nil
}

func (t *till) findRelation(req *element) (*element, error) {
	return t.find(req.get("relation"), false)
}

func (t *till) findRelationV2(req *element) (*element, error) {
	r := req.get("request")
	return t.find(r.get("relation"), r.flag("exactMatch"))
}

// searchable are the fields findRelation looks at; it passes over others.
func searchable() []string {
	return []string{
		"extRelationId", "name", "address", "zipcode", "city", "country", "deliveryAddress", "deliveryZipcode",
		"deliveryCity",
		"deliveryCountry", "contact", "telephone", "mobile", "email", "website", "relationCode", "categoryId",
		"cardNumber",
		"bankAccountNumber",
	}
}

// find is the first relation in which every criterion occurs, in any letter case.
func (t *till) find(like *element, exact bool) (*element, error) {
	if like.num("relationNumber") != 0 {
		return nil, clientFault("Do not use relationNumber when trying to find a relation. Use getRelation instead.")
	}
	criteria := make(map[string]string)
	for _, name := range searchable() {
		if v := like.str(name); v != "" {
			criteria[name] = v
		}
	}
	birth, byBirth := t.readDate(like.get("birthDate"))
	if len(criteria) > 0 || byBirth || t.opts.EmptyFindsFirst {
		for _, r := range t.relations {
			born, _ := t.readDate(r.get("birthDate"))
			if matches(r, criteria, exact) && (!byBirth || birth.Equal(born)) {
				return el("", val("result", "FIND-RELATION-RESULT-OK"), r), nil
			}
		}
	}
	return el("", val("result", "FIND-RELATION-RESULT-NOT-FOUND")), nil
}

func matches(r *element, criteria map[string]string, exact bool) bool {
	for name, want := range criteria {
		have := r.str(name)
		if exact && !strings.EqualFold(have, want) || !strings.Contains(strings.ToLower(have), strings.ToLower(want)) {
			return false
		}
	}
	return true
}

func (t *till) createRelation(req *element) (*element, error) {
	sent := req.get("relation")
	answer := func(result, message string) *element {
		none := val("relationNumber", 0)
		return el("", val("result", "CREATE-RELATION-RESULT-"+result), none, val("errorMessage", message))
	}
	if sent == nil {
		return answer("FAILED", "No relation given."), nil
	}
	number := sent.num("relationNumber")
	if t.relation(number) != nil {
		return answer("FAILED-RELATION-NUMBER-ALREADY-TAKEN", "The relation number is already taken."), nil
	}
	if number == 0 {
		for known := range t.byNumber {
			number = max(number, known)
		}
		number = max(number, createdFrom) + 1
	}
	r := el(
		"relation", val("active", true), val("points", 0), val("balance", 0),
		val("defaultVatMethod", "VAT-METHOD-INCLUSIVE"),
	)
	r.merge(sent, readOnlyRelation()...)
	r.put(val("relationNumber", number))
	r.put(t.moment("createTimestamp", t.now()))
	t.keepRelation(number, r)
	t.changedRelation(r)
	return el(
		"", val("result", "CREATE-RELATION-RESULT-OK"), val("relationNumber", number), r.get("changeTimestamp"),
		r.get("syncMarker"),
		val("errorMessage", ""),
	), nil
}

// readOnlyRelation are the fields that only the server fills.
func readOnlyRelation() []string {
	return []string{"relationNumber", "syncMarker", "createTimestamp", "changeTimestamp", "balance", "points"}
}

func (t *till) changedRelation(r *element) {
	r.put(val("syncMarker", t.nextRelationMarker()))
	r.put(t.moment("changeTimestamp", t.now()))
}

func (t *till) updateRelation(req *element) (*element, error) {
	sent := req.get("relation")
	r := t.relation(sent.num("relationNumber"))
	if r == nil {
		return el("", val("result", "UPDATE-RELATION-RESULT-NOT-FOUND"), val("errorMessage", "Relation not found.")), nil
	}
	t.changeRelation(r, sent)
	return el(
		"", val("result", "UPDATE-RELATION-RESULT-OK"), val("errorMessage", ""), r.get("changeTimestamp"),
		r.get("syncMarker"),
	), nil
}

func (t *till) changeRelation(r, change *element) {
	r.merge(change, readOnlyRelation()...)
	t.changedRelation(r)
}
