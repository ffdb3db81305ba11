package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/time/rate"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Role is what somebody may do.
type Role string

// The roles, each with what the ones before it may.
const (
	Viewer   Role = "viewer"   // looks
	Operator Role = "operator" // runs, pauses, mends and replays
	Admin    Role = "admin"    // changes settings, sees who did what
)

// Roles are all roles, the least first.
var Roles = []Role{Viewer, Operator, Admin}

// May tells whether the role allows what needs another one.
func (r Role) May(need Role) bool { return slices.Index(Roles, r) >= slices.Index(Roles, need) }

// Known tells whether there is such a role.
func (r Role) Known() bool { return slices.Contains(Roles, r) }

// person is who asks.
type person struct {
	Name  string
	Role  Role
	Login bool // came in through the login, and may leave
}

type personKey struct{}

func who(ctx context.Context) person {
	p, _ := ctx.Value(personKey{}).(person)
	return p
}

// Faults that a person is told of, with the status of the answer.
type fault struct {
	status  int
	message string
}

func (f *fault) Error() string  { return f.message }
func (f *fault) GetStatus() int { return f.status }

func notFound(message string) error { return &fault{http.StatusNotFound, message} }
func refused(message string) error  { return &fault{http.StatusUnprocessableEntity, message} }

// need is the error for those who may not.
func need(ctx context.Context, role Role) error {
	if p := who(ctx); !p.Role.May(role) {
		return &fault{http.StatusForbidden, "This needs the role " + string(role) + ", and " + p.Name + " is " + string(p.Role) + "."}
	}
	return nil
}

const (
	cookieName   = "kopru_session"
	sessionTime  = 12 * time.Hour
	tokenPrefix  = "kopru_"
	maxBody      = 4 << 20
	usersSeenFor = 2 * time.Second
)

// NewToken returns what a program shows to be let in. It is told once, and kept as a digest only.
func NewToken() string { return tokenPrefix + rand.Text() }

// MinPassword is how long a password is at least.
const MinPassword = 10

// HashPassword returns what is kept of a password.
func HashPassword(password string) (string, error) {
	if len([]rune(password)) < MinPassword {
		return "", errors.New("a password has at least 10 characters; a sentence is a good one")
	}
	return argon2id.CreateHash(password, argon2id.DefaultParams)
}

// gate lets people in.
type gate struct {
	store *state.Store
	now   func() time.Time
	dummy string // a hash that no password has, so that an unknown name takes as long as a wrong password

	mu       sync.Mutex
	tries    map[string]*rate.Limiter // by name and by address
	hashing  sync.Mutex               // one at a time: argon2id takes memory
	someone  bool                     // there are users
	lookedAt time.Time
}

func newGate(store *state.Store, now func() time.Time) *gate {
	return &gate{store: store, now: now, tries: map[string]*rate.Limiter{}}
}

// open tells whether nobody has to log in, since there are no users.
func (g *gate) open(ctx context.Context) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now().Sub(g.lookedAt) < usersSeenFor {
		return !g.someone, nil
	}
	users, err := g.store.Users(ctx)
	if err != nil {
		return false, err
	}
	g.someone, g.lookedAt = len(users) > 0, g.now()
	return !g.someone, nil
}

// allowed counts a try to log in: ten at once, then one in ten seconds, for a name and for an address.
func (g *gate) allowed(names ...string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tries) > 10_000 {
		clear(g.tries)
	}
	ok := true
	for _, name := range names {
		if g.tries[name] == nil {
			g.tries[name] = rate.NewLimiter(rate.Every(10*time.Second), 10)
		}
		ok = g.tries[name].Allow() && ok
	}
	return ok
}

// login checks a password and returns the secret of a new session.
func (g *gate) login(ctx context.Context, name, password, address string) (secret string, err error) {
	if !g.allowed("name "+name, "address "+address) {
		return "", &fault{http.StatusTooManyRequests, "Too many tries. Wait a minute, then try again."}
	}
	users, err := g.store.Users(ctx)
	if err != nil {
		return "", err
	}
	g.hashing.Lock()
	defer g.hashing.Unlock()
	if g.dummy == "" {
		if g.dummy, err = argon2id.CreateHash(rand.Text(), argon2id.DefaultParams); err != nil {
			return "", err
		}
	}
	hash := g.dummy
	if i := slices.IndexFunc(users, func(u state.User) bool { return u.Name == name }); i >= 0 {
		hash = users[i].Password
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil || !ok {
		return "", &fault{http.StatusUnauthorized, "The name or the password is wrong."}
	}
	now := g.now()
	secret = rand.Text() + rand.Text()
	pass := state.Pass{Kind: state.KindSession, Name: name, At: now, Until: now.Add(sessionTime)}
	return secret, g.store.PutPass(ctx, pass, secret)
}

// identify says who asks, nil when nobody may know.
func (g *gate) identify(r *http.Request) (*person, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		pass, ok, err := g.store.PassOf(r.Context(), state.KindToken, token, g.now())
		if err != nil || !ok {
			return nil, err
		}
		return &person{Name: "token " + pass.Name, Role: Role(pass.Role)}, nil
	}
	if open, err := g.open(r.Context()); err != nil {
		return nil, err
	} else if open {
		return &person{Name: "local", Role: Admin}, nil
	}
	cookies := r.CookiesNamed(cookieName)
	if len(cookies) == 0 {
		return nil, nil
	}
	pass, ok, err := g.store.PassOf(r.Context(), state.KindSession, cookies[0].Value, g.now())
	if err != nil || !ok || !Role(pass.Role).Known() {
		return nil, err
	}
	return &person{Name: pass.Name, Role: Role(pass.Role), Login: true}, nil
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"

// guard stands before everything: headers, other sites' requests, and who may come in.
func (r *room) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	inner := crossOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p, err := r.gate.identify(req)
		switch {
		case err != nil:
			r.fail(w, req, err)
			return
		case p == nil && !public(req.URL.Path):
			r.askIn(w, req)
			return
		case p != nil:
			req = req.WithContext(context.WithValue(req.Context(), personKey{}, *p))
		}
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		next.ServeHTTP(w, req)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if req.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if open, err := r.gate.open(req.Context()); err == nil && open && !localRequest(req) {
			// A foreign name that leads to this machine is how another site would reach in.
			http.Error(w, "Without a login the dashboard answers on this machine only, as localhost. "+
				"Add a user first: kopru user add NAME --role admin", http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, req)
	})
}

func localRequest(req *http.Request) bool {
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	return protocol.Loopback(strings.Trim(host, "[]"))
}

// public is what anybody may fetch.
func public(path string) bool {
	return path == "/login" || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/assets/")
}

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

func (r *room) logIn(w http.ResponseWriter, req *http.Request) {
	next := req.FormValue("next")
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, "\\") {
		next = "/"
	}
	if req.Method == http.MethodGet {
		r.page(w, req, "login", map[string]any{"Next": next})
		return
	}
	name := strings.TrimSpace(req.PostFormValue("name"))
	address, _, _ := net.SplitHostPort(req.RemoteAddr)
	secret, err := r.gate.login(req.Context(), name, req.PostFormValue("password"), address)
	if err != nil {
		var f *fault
		if !errors.As(err, &f) {
			r.fail(w, req, err)
			return
		}
		r.note(req.Context(), name, "login refused", address)
		w.WriteHeader(f.status)
		r.page(w, req, "login", map[string]any{"Next": next, "Name": name, "Wrong": f.message})
		return
	}
	r.note(req.Context(), name, "login", address)
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: req.TLS != nil,
		MaxAge: int(sessionTime.Seconds()),
	})
	http.Redirect(w, req, next, http.StatusSeeOther)
}

func (r *room) logOut(w http.ResponseWriter, req *http.Request) {
	if cookie, err := req.Cookie(cookieName); err == nil {
		if err := r.Store.EndPass(req.Context(), state.KindSession, cookie.Value); err != nil {
			r.fail(w, req, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1})
	http.Redirect(w, req, "/login", http.StatusSeeOther)
}

// note writes into the audit log who did what.
func (r *room) note(ctx context.Context, name, action, what string) {
	err := r.Store.Note(context.WithoutCancel(ctx), state.Deed{At: r.now(), Who: name, Action: action, What: what})
	if err != nil {
		r.Log.Error("the audit log could not be written", "who", name, "action", action, "what", what, "error", err)
	}
}
