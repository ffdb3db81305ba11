package sdk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const renewBefore = time.Minute // a token ends, or half its life if that is less

// OAuth2 keeps the access token of one HTTP: by the client's own credentials, or by a refresh token that its user was given.
// It is renewed before it ends and after it was refused; one caller renews it while the others wait.
//
// Many systems replace a refresh token whenever it is used. The new one is kept in File, because the settings are not the
// connector's to change; a setting that holds another than before counts again.
type OAuth2 struct {
	TokenURL               string
	ClientID, ClientSecret string
	Scopes                 []string
	Parameters             url.Values // others that the system wants, such as "audience"
	RefreshToken           string     // "" = client credentials
	File                   string     // where a replaced refresh token is kept; "" = nowhere: it is lost with the process

	once    sync.Once
	turn    chan struct{} // holds one value when free; guards what follows
	source  oauth2.Config
	client  clientcredentials.Config
	token   *oauth2.Token
	renew   time.Time // zero = it does not end
	until   time.Time
	refresh string // the newest refresh token; "" = the configured one
	unsaved bool   // File does not have it yet
}

// do makes a call with a token, and once more with a new one when it is refused: nothing was stored then.
func (o *OAuth2) do(ctx context.Context, h *HTTP, r HTTPRequest) (*HTTPResponse, error) {
	for again := false; ; again = true {
		token, err := o.get(ctx, h)
		if err != nil {
			return nil, err
		}
		with := r
		if with.Header = r.Header.Clone(); with.Header == nil {
			with.Header = http.Header{}
		}
		with.Header.Set("Authorization", "Bearer "+token)
		with.Secrets = append([]string{token}, r.Secrets...)
		answer, err := h.do(ctx, with)
		var f *Failure
		if again || !errors.As(err, &f) || f.RemoteStatus != http.StatusUnauthorized {
			return answer, err
		}
		o.drop(ctx, token)
	}
}

func (o *OAuth2) begin() {
	o.source = oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: oauth2.Endpoint{TokenURL: o.TokenURL}}
	o.client = clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes, EndpointParams: o.Parameters,
	}
	o.turn = make(chan struct{}, 1)
	o.turn <- struct{}{}
}

// get returns an access token that is good for now.
func (o *OAuth2) get(ctx context.Context, h *HTTP) (string, error) {
	o.once.Do(o.begin)
	select {
	case <-o.turn:
		defer func() { o.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", Transient(h.System+".cancelled", "the call was cancelled while waiting for a token")
	}
	now := h.now()
	if o.token == nil || !o.renew.IsZero() && !now.Before(o.renew) {
		token, err := o.fetch(ctx, h)
		if err == nil || token != nil { // a new one counts, also when its refresh token could not be kept yet
			o.token, o.renew, o.until = token, time.Time{}, time.Time{}
			if !token.Expiry.IsZero() {
				life := time.Until(token.Expiry)
				o.until, o.renew = now.Add(life), now.Add(life-min(renewBefore, life/2))
			}
		} else if o.token == nil || !now.Before(o.until) { // else the old one does for now
			return "", err
		}
	}
	if err := o.save(h); err != nil {
		return "", err
	}
	return o.token.AccessToken, nil
}

// drop forgets a token that was refused, unless another call has replaced it already.
func (o *OAuth2) drop(ctx context.Context, refused string) {
	select {
	case <-o.turn:
		if o.token != nil && o.token.AccessToken == refused {
			o.token = nil
		}
		o.turn <- struct{}{}
	case <-ctx.Done():
	}
}

// fetch gets a token. What a file keeps is used by one process at a time: a system may take a refresh token that comes twice
// for stolen.
func (o *OAuth2) fetch(ctx context.Context, h *HTTP) (token *oauth2.Token, err error) {
	client := h.client()
	with := context.WithValue(ctx, oauth2.HTTPClient, &client)
	if o.RefreshToken == "" {
		token, err = o.client.Token(with)
		return token, o.failed(h, err)
	}
	if o.File != "" {
		unlock, err := lockedfile.MutexAt(o.File + ".lock").Lock()
		if err != nil {
			return nil, Fatal(h.System+".token_file", "the file for refresh tokens can't be locked: %v", err)
		}
		defer unlock()
		if err := o.load(); err != nil {
			return nil, Fatal(h.System+".token_file", "the refresh token that was kept can't be read: %v", err)
		}
	}
	old := cmp.Or(o.refresh, o.RefreshToken)
	token, err = o.source.TokenSource(with, &oauth2.Token{RefreshToken: old}).Token()
	if err != nil {
		return nil, o.failed(h, err)
	}
	o.refresh = cmp.Or(token.RefreshToken, old)
	o.unsaved = o.unsaved || o.File != "" && o.refresh != old
	return token, o.save(h)
}

// failed says what it means that no token was given.
func (o *OAuth2) failed(h *HTTP, err error) error {
	var refused *oauth2.RetrieveError
	var never *url.Error
	at, parseErr := url.Parse(o.TokenURL)
	switch {
	case err == nil:
		return nil
	case parseErr != nil:
		return Fatal(h.System+".token", "the address for tokens can't be read")
	case errors.As(err, &never):
		return h.lost(err, at, false)
	case !errors.As(err, &refused) || refused.Response == nil:
		return Transient(h.System+".token", "%s gives an answer without a token; is this the address for tokens?", at.Host)
	}
	f := h.refused(&HTTPResponse{Status: refused.Response.StatusCode, Header: refused.Response.Header, Body: refused.Body}, false)
	f.RemoteMessage = h.Hide(f.RemoteMessage, o.ClientSecret, o.RefreshToken, o.refresh)
	switch refused.ErrorCode {
	case "invalid_client", "unauthorized_client":
		f.Class, f.Message = protocol.FailureClass_FAILURE_CLASS_AUTH, at.Host+" does not know this client with this secret"
	case "invalid_scope":
		f.Class, f.Message = protocol.FailureClass_FAILURE_CLASS_AUTH, "the client may not ask for these scopes"
	case "invalid_grant":
		f.Class, f.Message = protocol.FailureClass_FAILURE_CLASS_AUTH, "the refresh token is not valid any more; let the user agree anew, and configure the new one"
	default:
		if f.Class == protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED || refused.Response.StatusCode >= 500 {
			f.Message = at.Host + " gives no token at the moment"
			return f
		}
		f.Class, f.Message = protocol.FailureClass_FAILURE_CLASS_AUTH, at.Host+" refuses a token"
	}
	f.Code = h.System + ".token_refused"
	return f
}

// kept is what File holds.
type kept struct {
	For          string `json:"for"` // a digest of the configured refresh token that the kept one descends from
	RefreshToken string `json:"refresh_token"`
}

func (o *OAuth2) origin() string {
	sum := sha256.Sum256([]byte(o.TokenURL + "\n" + o.ClientID + "\n" + o.RefreshToken))
	return hex.EncodeToString(sum[:])
}

// load takes the refresh token that another process, or an earlier one, was given last.
func (o *OAuth2) load() error {
	if o.unsaved { // ours is newer
		return nil
	}
	data, err := os.ReadFile(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err == nil && k.For == o.origin() {
		o.refresh = k.RefreshToken
	}
	return err
}

// save keeps the newest refresh token. When it can't, nothing goes on: the configured one is of no use any more.
func (o *OAuth2) save(h *HTTP) error {
	if !o.unsaved {
		return nil
	}
	data, err := json.Marshal(kept{For: o.origin(), RefreshToken: o.refresh})
	if err == nil {
		err = replaceFile(o.File, data)
	}
	if err != nil {
		return Fatal(h.System+".token_file", "the refresh token was replaced, and the new one can't be kept: %v", err)
	}
	o.unsaved = false
	return nil
}

// replaceFile puts a new file, which only its owner may read, in an old one's place.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
