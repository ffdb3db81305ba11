package vismanet

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// category is a sales category, a node of a tree that people keep on screen: the API only reads it.
type category struct {
	id, parent, order int
	description       string
}

func newCategories() []*category {
	return []*category{
		{1, 0, 1, "Web"},
		{7, 1, 1, "Kleding"},
		{8, 1, 2, "Wonen"},
		{9, 7, 1, "Truien"},
	}
}

func (b *books) salesCategory(id int) *category {
	return find(b.categories, func(c *category) bool { return c.id == id })
}

// listCategories answers with the roots, each with what is below it. It takes no page.
func (s *Server) listCategories(*request) response { return ok(s.renderCategories(0)) }

func (s *Server) renderCategories(parent int) []object {
	out := []object{}
	for _, c := range s.books.categories {
		if c.parent == parent {
			out = append(out, s.renderCategory(c))
		}
	}
	return out
}

func (s *Server) renderCategory(c *category) object {
	return object{
		"categoryID": c.id, "description": c.description, "parentID": c.parent, "sortOrder": c.order,
		"subCategories": s.renderCategories(c.id),
	}
}

func (s *Server) categoryOf(r *request) (*category, *response) {
	id, _ := strconv.Atoi(r.path["categoryId"]) // 0 is none
	if c := s.books.salesCategory(id); c != nil {
		return c, nil
	}
	resp := s.missing("Sales Category", r.path["categoryId"])
	return nil, &resp
}

func (s *Server) getCategory(r *request) response {
	c, bad := s.categoryOf(r)
	if bad != nil {
		return *bad
	}
	return ok(s.renderCategory(c))
}

func (s *Server) listCategoryItems(r *request) response {
	c, bad := s.categoryOf(r)
	if bad != nil {
		return *bad
	}
	return answerList(s, r, listing[*item]{
		rows: s.books.items.all, keep: func(i *item) bool { return slices.Contains(i.categories, c.id) },
		render: func(i *item) object { return s.renderItem(i, func(string) bool { return false }) },
	})
}

func (s *Server) renderItemCategories(i *item) []object {
	out := []object{}
	for _, id := range i.categories {
		out = append(out, object{"categoryId": id, "description": s.books.salesCategory(id).description})
	}
	return out
}

func (s *Server) controlCategories() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.books.categories))
	for _, c := range s.books.categories {
		out = append(out, object{"id": c.id, "parent": c.parent, "description": c.description, "sortOrder": c.order})
	}
	return out
}

// controlPutCategory makes a category or changes one, as people do on screen.
func (s *Server) controlPutCategory(r *http.Request) (any, error) {
	v, err := readControl(r, controlCategory)
	if err != nil {
		return nil, err
	}
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 {
		return nil, fmt.Errorf("%q is not the id of a category", r.PathValue("id"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.books.salesCategory(id)
	if c == nil {
		c = &category{id: id}
		s.books.categories = append(s.books.categories, c)
		slices.SortFunc(s.books.categories, func(a, b *category) int { return cmp.Compare(a.id, b.id) })
	}
	if d := v.text("description"); d != "" {
		c.description = d
	}
	if p, given := v["parent"].(int); given {
		c.parent = p
	}
	if o, given := v["sortOrder"].(int); given {
		c.order = o
	}
	return object{"id": c.id}, nil
}

func (s *Server) controlItemCategories(i *item, v values) error {
	if !v.has("categories") {
		return nil
	}
	ids, _ := v["categories"].([]string)
	i.categories = nil
	for _, text := range ids {
		id, err := strconv.Atoi(text)
		if err != nil || s.books.salesCategory(id) == nil {
			return fmt.Errorf("there is no category %q", text)
		}
		i.categories = append(i.categories, id)
	}
	return nil
}

func (s *Server) controlAttributes() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.books.attributes))
	for _, a := range s.books.attributes {
		values := object{}
		for _, c := range a.choices {
			values[c.id] = c.description
		}
		out = append(out, object{"id": a.id, "description": a.description, "type": a.control, "values": values})
	}
	return out
}
