package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// askIn sends a browser to the login and tells a program.
func (r *room) askIn(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, "/api/") || req.URL.Path == "/metrics" || req.URL.Path == "/events" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="kopru"`)
		http.Error(w, `{"status":401,"detail":"Log in, or send a token: Authorization: Bearer …. Make one with kopru token add."}`, http.StatusUnauthorized)
		return
	}
	target := "/login"
	if req.Method == http.MethodGet && req.URL.Path != "/" {
		target += "?next=" + queryEscape(req.URL.RequestURI())
	}
	if req.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", "/login")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, req, target, http.StatusSeeOther)
}

// inside is a place of the dashboard, its start where somebody was to be led elsewhere.
func inside(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(c rune) bool { return c == '\\' || c < ' ' }) {
		return "/"
	}
	return next
}

// loginView is the page where people come in.
type loginView struct {
	Next, Name, Wrong string
	Passwords         bool
	Provider          string // what it is called, "" = there is none
	Left              string // what somebody has just left
}

func (r *room) loginPage(w http.ResponseWriter, req *http.Request, next, name string, f *fault) {
	view := loginView{Next: next, Name: name, Passwords: r.gate.passwords()}
	if o := r.gate.engine().OIDC; o != nil {
		view.Provider = o.Name
	}
	if f != nil {
		view.Wrong = r.pages[languageOf(req)].text(f.message, f.args...)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(f.status)
	}
	r.page(w, req, "login", view)
}

func (r *room) logIn(w http.ResponseWriter, req *http.Request) {
	req.Body = http.MaxBytesReader(w, req.Body, maxLogin)
	next := inside(req.FormValue("next"))
	if req.Method != http.MethodPost {
		r.loginPage(w, req, next, "", nil)
		return
	}
	name := strings.TrimSpace(req.PostFormValue("name"))
	address := r.gate.address(req)
	secret, err := r.gate.login(req.Context(), name, req.PostFormValue("password"), address)
	if err == nil {
		err = r.endSession(req)
	}
	if err != nil {
		var f *fault
		if !errors.As(err, &f) {
			r.fail(w, req, err)
			return
		}
		if f.status != http.StatusTooManyRequests { // which would fill the log
			r.note(req.Context(), fmt.Sprintf("%.100s", name), "login refused", address)
		}
		r.loginPage(w, req, next, name, f)
		return
	}
	r.note(req.Context(), name, "login", address)
	http.SetCookie(w, r.gate.cookie(req, secret))
	http.Redirect(w, req, next, http.StatusSeeOther)
}

// endSession makes what the browser shows worth nothing.
func (r *room) endSession(req *http.Request) error {
	secret := r.gate.shown(req)
	if secret == "" {
		return nil
	}
	for _, kind := range r.gate.kinds() {
		if err := r.Store.EndPass(req.Context(), kind, secret); err != nil {
			return err
		}
	}
	return nil
}

func (r *room) logOut(w http.ResponseWriter, req *http.Request) {
	if err := r.endSession(req); err != nil {
		r.fail(w, req, err)
		return
	}
	if p := who(req.Context()); p.Login {
		r.note(req.Context(), p.Name, "logout", r.gate.address(req))
	}
	elsewhere := r.endElsewhere(req)
	http.SetCookie(w, r.gate.cookie(req, ""))
	http.SetCookie(w, r.hintCookie(req, "", -1))
	if elsewhere == "" {
		http.Redirect(w, req, "/login", http.StatusSeeOther)
		return
	}
	// A redirect would be of a form, which the security policy lets go nowhere else.
	w.Header().Set("Refresh", "0; url="+elsewhere)
	r.page(w, req, "login", loginView{Left: r.gate.engine().OIDC.Name})
}
