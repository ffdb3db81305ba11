package dashboard

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

// groupView is a group with its letters.
type groupView struct {
	Pipeline, Step, Code, Status string
	Letters                      []Letter
	Remedy                       string
	Older                        int64
}

// letterView is a letter with what may be done about it.
type letterView struct {
	Letter
	Steps   []string // from which it may be replayed
	From    string
	Text    string // of the record, to be edited
	Current []Line
	Mends   bool
}

// result is what came of something that was done about letters.
type result struct {
	Plans     []*run.Plan
	Replayed  *Replayed
	Discarded int
	Wrong     string
}

func (r *room) failureRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /failures", r.get("failures", func(req *http.Request) (any, error) {
		return r.groups(req.Context(), req.FormValue("pipeline"))
	}))
	mux.HandleFunc("GET /failures/group", r.get("group", r.groupPage))
	mux.HandleFunc("GET /failures/{id}", r.get("letter", r.letterPage))
	mux.HandleFunc("POST /failures/plan", r.get("result", r.planForm))
	mux.HandleFunc("POST /failures/replay", r.get("result", r.replayForm))
	mux.HandleFunc("POST /failures/discard", r.get("result", r.discardForm))
}

func (r *room) groupPage(req *http.Request) (any, error) {
	f := state.HeldFilter{
		Pipeline: req.FormValue("pipeline"), Step: req.FormValue("step"), Code: req.FormValue("code"), Status: req.FormValue("status"),
		Limit: 100,
	}
	f.Before, _ = strconv.ParseInt(req.FormValue("before"), 10, 64) // none is the newest
	held, err := r.Store.Held(req.Context(), f)
	if err != nil {
		return nil, err
	}
	out := &groupView{Pipeline: f.Pipeline, Step: f.Step, Code: f.Code, Status: f.Status}
	for _, h := range held {
		out.Letters = append(out.Letters, r.letter(h))
		out.Remedy = out.Letters[0].Remedy
	}
	if len(held) == f.Limit {
		out.Older = held[len(held)-1].ID
	}
	return out, nil
}

func (r *room) letterPage(req *http.Request) (any, error) {
	id, err := strconv.ParseInt(req.PathValue("id"), 10, 64)
	if err != nil {
		return nil, notFound("A letter has a number.")
	}
	l, err := r.letterOf(req.Context(), id)
	if err != nil {
		return nil, err
	}
	out := &letterView{Letter: *l, From: req.FormValue("from"), Mends: who(req.Context()).Role.May(Operator)}
	if len(l.Current) > 0 {
		out.Steps = []string{l.Step}
	}
	text := l.Original
	if out.From != "" && len(l.Current) > 0 {
		text = l.Current
	}
	if len(l.Edited) > 0 && l.EditedStep == out.From {
		text = l.Edited
	}
	out.Text = pretty(text)
	_, docs, err := readStory(fmt.Appendf(nil, `{"source":%s,"steps":[{"step":%q,"record":%s}]}`, orNull(l.Original), l.Step, orNull(l.Current)))
	if err == nil && len(docs) == 2 { // what is no JSON is shown as it is
		out.Current = docs[1].Lines
	}
	return out, nil
}

func orNull(data []byte) []byte {
	if len(data) == 0 {
		return []byte("null")
	}
	return data
}

// form reads which letters a form is about, and the record as somebody edited it.
func (r *room) form(req *http.Request) (c Choice, from string, body []byte, err error) {
	if err := req.ParseForm(); err != nil {
		return c, "", nil, refused("The form can't be read: " + err.Error())
	}
	for _, text := range req.PostForm["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return c, "", nil, refused("A letter has a number.")
		}
		c.IDs = append(c.IDs, id)
	}
	if len(c.IDs) == 0 {
		c.Pipeline, c.Step, c.Code = req.PostFormValue("pipeline"), req.PostFormValue("step"), req.PostFormValue("code")
	}
	from = req.PostFormValue("from")
	if text := req.PostFormValue("record"); text != "" && len(c.IDs) == 1 {
		l, err := r.letterOf(req.Context(), c.IDs[0])
		if err != nil {
			return c, "", nil, err
		}
		if body, err = edited(text, l, from); err != nil {
			return c, "", nil, err
		}
	}
	return c, from, body, nil
}

func (r *room) planForm(req *http.Request) (any, error) {
	c, from, body, err := r.form(req)
	if err != nil {
		return nil, err
	}
	plans, err := r.planReplay(req.Context(), c, from, body)
	return result{Plans: plans}, err
}

func (r *room) replayForm(req *http.Request) (any, error) {
	c, from, body, err := r.form(req)
	if err != nil {
		return nil, err
	}
	replayed, err := r.replay(req.Context(), c, from, body)
	return result{Replayed: replayed}, err
}

func (r *room) discardForm(req *http.Request) (any, error) {
	c, _, _, err := r.form(req)
	if err != nil {
		return nil, err
	}
	n, err := r.discard(req.Context(), c, req.PostFormValue("reason"))
	return result{Discarded: n}, err
}
