package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/time/rate"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
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

// May tells whether the role allows what needs another one.
func (r Role) May(need Role) bool {
	return slices.Index(pipelines.Roles, string(r)) >= slices.Index(pipelines.Roles, string(need))
}

// Known tells whether there is such a role.
func (r Role) Known() bool { return slices.Contains(pipelines.Roles, string(r)) }

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
	message string // with args, what they are put into
	args    []any
}

func (f *fault) Error() string {
	if len(f.args) > 0 {
		return fmt.Sprintf(f.message, f.args...)
	}
	return f.message
}
func (f *fault) GetStatus() int { return f.status }

func newFault(status int, message string, args ...any) *fault { return &fault{status, message, args} }

func notFound(message string) error { return newFault(http.StatusNotFound, message) }
func refused(message string) error  { return newFault(http.StatusUnprocessableEntity, message) }

// need is the error for those who may not.
func need(ctx context.Context, role Role) error {
	if p := who(ctx); !p.Role.May(role) {
		return newFault(http.StatusForbidden, "This needs the role "+string(role)+", and "+p.Name+" is "+string(p.Role)+".")
	}
	return nil
}

const (
	cookieName   = "kopru_session"
	sessionTime  = 12 * time.Hour
	tokenPrefix  = "kopru_"
	maxBody      = 4 << 20
	maxLogin     = 64 << 10
	usersSeenFor = 2 * time.Second
)

// NewToken returns what a program shows to be let in. It is told once, and kept as a digest only.
func NewToken() string { return tokenPrefix + rand.Text() }

// minPassword is how long a password is at least.
const minPassword = 10

// HashPassword returns what is kept of a password.
func HashPassword(password string) (string, error) {
	if len([]rune(password)) < minPassword {
		return "", errors.New("a password has at least 10 characters; a sentence is a good one")
	}
	return argon2id.CreateHash(password, argon2id.DefaultParams)
}

// gate lets people in.
type gate struct {
	store  *state.Store
	now    func() time.Time
	engine func() pipelines.Engine
	dummy  string // a hash that no password has, so that an unknown name takes as long as a wrong password

	mu       sync.Mutex
	tries    map[string]*rate.Limiter // by name and by address
	hashing  sync.Mutex               // one at a time: argon2id takes memory
	someone  bool                     // there are users
	lookedAt time.Time
}

func newGate(store *state.Store, now func() time.Time, engine func() pipelines.Engine) *gate {
	return &gate{store: store, now: now, engine: engine, tries: map[string]*rate.Limiter{}}
}

// open tells whether nobody has to log in, since there are no users and no identity provider.
func (g *gate) open(ctx context.Context) (bool, error) {
	if g.engine().OIDC != nil {
		return false, nil
	}
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

// passwords tells whether users that are kept here may log in.
func (g *gate) passwords() bool {
	o := g.engine().OIDC
	return o == nil || o.Passwords
}

const (
	triesAtOnce = 10
	triesEvery  = 10 * time.Second
	triesKept   = 10_000
)

// allowed counts a try to log in: ten at once, then one in ten seconds, for an address and for a name. Where the address
// has tried too often the name is not looked at, so that nobody fills the memory with names.
func (g *gate) allowed(names ...string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range names {
		if g.tries[name] == nil {
			if len(g.tries) >= triesKept {
				g.forget()
			}
			g.tries[name] = rate.NewLimiter(rate.Every(triesEvery), triesAtOnce)
		}
		if !g.tries[name].AllowN(g.now(), 1) {
			return false
		}
	}
	return true
}

// forget drops those who have not tried for so long that they may try as often as anybody. When that is nobody then so
// many addresses try at once that their counts are of no use.
func (g *gate) forget() {
	for name, l := range g.tries {
		if l.TokensAt(g.now()) >= triesAtOnce {
			delete(g.tries, name)
		}
	}
	if len(g.tries) >= triesKept {
		clear(g.tries)
	}
}

// address is where a request comes from: what a proxy on this machine says, for IPv6 the network, of which one machine
// has all addresses.
func (g *gate) address(r *http.Request) string {
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	if protocol.Loopback(from) {
		hops := strings.Split(r.Header.Get("X-Forwarded-For"), ",") // the last one is the proxy's word
		if hop := strings.TrimSpace(hops[len(hops)-1]); net.ParseIP(hop) != nil {
			from = hop
		}
	}
	if ip, err := netip.ParseAddr(from); err == nil && ip.Is6() && !ip.Is4In6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return from
}

// secure tells whether a browser came by TLS, to this process or to a proxy before it.
func (g *gate) secure(r *http.Request) bool {
	u, err := url.Parse(g.engine().URL)
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" || err == nil && u.Scheme == "https" && u.Host == r.Host
}

// cookie is what a browser shows to be let in; without a secret it is to be forgotten. By TLS its name keeps other sites
// of the domain from setting it.
func (g *gate) cookie(r *http.Request, secret string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: g.secure(r), MaxAge: -1,
	}
	if c.Secure {
		c.Name = "__Host-" + cookieName
	}
	if secret != "" {
		c.MaxAge = int(sessionTime.Seconds())
	}
	return c
}

// shown is the secret that a browser shows, "" when there is none.
func (g *gate) shown(r *http.Request) string {
	cookies := r.CookiesNamed(g.cookie(r, "").Name)
	if len(cookies) == 0 {
		return ""
	}
	return cookies[0].Value
}

// kinds are the kinds of sessions that let somebody in.
func (g *gate) kinds() (out []string) {
	if g.passwords() {
		out = append(out, state.KindSession)
	}
	if o := g.engine().OIDC; o != nil {
		out = append(out, oidcKind(o))
	}
	return out
}

// login checks a password and returns the secret of a new session.
func (g *gate) login(ctx context.Context, name, password, address string) (secret string, err error) {
	if !g.passwords() {
		return "", newFault(http.StatusForbidden, "Here people log in with %s.", g.engine().OIDC.Name)
	}
	if !g.allowed("address "+address, "name "+name) {
		return "", newFault(http.StatusTooManyRequests, "Too many tries. Wait a minute, then try again.")
	}
	users, err := g.store.Users(ctx)
	if err != nil {
		return "", err
	}
	g.hashing.Lock()
	defer g.hashing.Unlock()
	if ctx.Err() != nil { // whoever asked is gone
		return "", ctx.Err()
	}
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
		return "", newFault(http.StatusUnauthorized, "The name or the password is wrong.")
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
	secret := g.shown(r)
	if secret == "" {
		return nil, nil
	}
	for _, kind := range g.kinds() {
		pass, ok, err := g.store.PassOf(r.Context(), kind, secret, g.now())
		if err != nil {
			return nil, err
		}
		if !ok || !Role(pass.Role).Known() {
			continue
		}
		p := &person{Name: pass.Name, Role: Role(pass.Role), Login: true}
		if kind != state.KindSession {
			p.Name += oidcMark
		}
		return p, nil
	}
	return nil, nil
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
		if foreign(req) {
			http.Error(w, "Another site asks for this, and gets nothing.", http.StatusForbidden)
			return
		}
		if open, err := r.gate.open(req.Context()); err == nil && open && !fromHere(req) {
			// A foreign name that leads to this machine is how another site would reach in; a proxy is how another machine would.
			http.Error(w, "Without a login the dashboard answers on this machine only, as localhost. "+
				"Add a user first: kopru user add NAME --role admin", http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, req)
	})
}

// foreign tells whether a page of another site asks, rather than a person who followed a link. What changes something is
// refused elsewhere; this keeps other sites from making the dashboard ask the systems.
func foreign(req *http.Request) bool {
	return req.Header.Get("Sec-Fetch-Site") == "cross-site" && (req.Header.Get("Sec-Fetch-Mode") != "navigate" || req.Header.Get("Sec-Fetch-Dest") != "document")
}

// fromHere tells whether a request was made on this machine, for it, and not by a proxy for somebody else.
func fromHere(req *http.Request) bool {
	from, _, err := net.SplitHostPort(req.RemoteAddr)
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"} {
		if req.Header.Get(name) != "" {
			return false
		}
	}
	return err == nil && protocol.Loopback(from) && localRequest(req)
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
	return path == "/login" || path == oidcPath || path == oidcBack || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/assets/")
}

// note writes into the audit log who did what.
func (r *room) note(ctx context.Context, name, action, what string) {
	err := r.Store.Note(context.WithoutCancel(ctx), state.Deed{At: r.now(), Who: name, Action: action, What: what})
	if err != nil {
		r.Log.Error("the audit log could not be written", "who", name, "action", action, "what", what, "error", err)
	}
}
