package mpluskassa

import "net/http"

// listRelations shows relations by the contract's names of their fields.
func (s *Server) listRelations(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := []map[string]string{}
	for _, r := range s.till.relations {
		fields := map[string]string{}
		for _, c := range r.children {
			if len(c.children) == 0 {
				fields[c.name] = c.text
			}
		}
		out = append(out, fields)
	}
	s.mu.Unlock()
	send(w, http.StatusOK, out)
}

// addRelation enters a relation, as somebody at the till does.
func (s *Server) addRelation(w http.ResponseWriter, r *http.Request) {
	var fields map[string]any
	if !receive(w, r, &fields) {
		return
	}
	sent, err := s.change("Relation", fields, readOnlyRelation())
	if err != nil {
		refuse(w, err)
		return
	}
	sent.name = "relation"
	s.mu.Lock()
	defer s.mu.Unlock()
	made, err := s.till.createRelation(el("", sent))
	if err != nil {
		refuse(w, err)
		return
	}
	send(w, http.StatusCreated, map[string]any{"number": made.num("relationNumber")})
}
