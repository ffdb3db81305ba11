package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// languages are those of the dashboard, the first where a browser wants none of them.
var languages = []language.Tag{language.English, language.Dutch, language.MustParse("nb"), language.Turkish}

var languageNames = map[string]string{"en": "English", "nl": "Nederlands", "nb": "Norsk", "tr": "Türkçe"}

var matcher = language.NewMatcher(languages)

// translations reads lang/*.json: from the English text to that of the language.
func translations() (catalog.Catalog, error) {
	builder := catalog.NewBuilder(catalog.Fallback(language.English))
	for _, tag := range languages[1:] {
		data, err := files.ReadFile(path.Join("lang", tag.String()+".json"))
		if err != nil {
			return nil, err
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			return nil, fmt.Errorf("lang/%s.json: %w", tag, err)
		}
		for english, text := range texts {
			if err := builder.SetString(tag, english, text); err != nil {
				return nil, err
			}
		}
	}
	return builder, nil
}

const languageCookie = "kopru_language"

// languageOf is the language that a person chose, else the one that their browser prefers.
func languageOf(req *http.Request) string {
	var wishes []string
	if cookie, err := req.Cookie(languageCookie); err == nil {
		wishes = append(wishes, cookie.Value)
	}
	_, i := language.MatchStrings(matcher, append(wishes, req.Header.Get("Accept-Language"))...)
	return languages[i].String()
}

// speaker writes texts and numbers in one language.
type speaker struct {
	tag     language.Tag
	printer *message.Printer
}

func (s speaker) text(english string, args ...any) string { return s.printer.Sprintf(english, args...) }

// known is a text in the language where it is among the texts, else as it is: it is no format.
func (s speaker) known(text string) string {
	if strings.Contains(text, "%") {
		return text
	}
	return s.text(text)
}

func (s speaker) number(n any) string { return s.printer.Sprint(number.Decimal(n)) }

// money is an amount with all its decimals.
func (s speaker) money(amount string) string {
	whole, cents, some := strings.Cut(amount, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return amount
	}
	text := s.number(max(n, -n))
	if strings.HasPrefix(whole, "-") {
		text = "−" + text
	}
	if some {
		text += strings.Trim(s.number(0.5), "05") + cents
	}
	return text
}

// price is an amount with its currency where the language has it: €12.50, € 12,50 or 12,50 €.
func (s speaker) price(amount, code string) string {
	unit, err := currency.ParseISO(code)
	if err != nil { // one that nobody knows, or none
		return strings.TrimSpace(s.money(amount) + "\u00a0" + code)
	}
	if scale, _ := currency.Standard.Rounding(unit); scale == 0 { // yen
		amount = strings.TrimSuffix(amount, ".00")
	}
	sign, text := "", s.money(amount)
	if rest, minus := strings.CutPrefix(text, "−"); minus {
		sign, text = "−", rest
	}
	symbol := s.printer.Sprint(currency.Symbol(unit))
	if symbol == code {
		symbol += "\u00a0"
	}
	switch s.tag.String() {
	case "nl":
		return strings.TrimSpace(symbol) + "\u00a0" + sign + text
	case "nb":
		return sign + text + "\u00a0" + strings.TrimSpace(symbol)
	}
	return sign + symbol + text
}

// schedule says when a pipeline runs, as its definition does.
func (s speaker) schedule(text string) string {
	if every, ok := strings.CutPrefix(text, "every "); ok {
		return s.text("every %s", every)
	}
	if text == "when told to" {
		return s.text(text)
	}
	return text
}

// took is how long something took, in at most two units.
func (s speaker) took(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	part := func(n time.Duration, unit string) string { return s.number(int64(n)) + "\u00a0" + s.text(unit) }
	switch {
	case d < time.Second:
		return part(d/time.Millisecond, "ms")
	case d < time.Minute:
		return s.printer.Sprint(number.Decimal(d.Round(100*time.Millisecond).Seconds(), number.MaxFractionDigits(1))) + "\u00a0" + s.text("s")
	case d < time.Hour:
		return part(d/time.Minute, "min") + " " + part(d%time.Minute/time.Second, "s")
	case d < 24*time.Hour:
		return part(d/time.Hour, "h") + " " + part(d%time.Hour/time.Minute, "min")
	}
	return part(d/(24*time.Hour), "d") + " " + part(d%(24*time.Hour)/time.Hour, "h")
}

// short is a number in few characters: 12,3 k.
func (s speaker) short(n int64) string {
	switch {
	case n >= 10_000_000:
		return s.printer.Sprint(number.Decimal(n/1_000_000)) + " M"
	case n >= 10_000:
		return s.printer.Sprint(number.Decimal(float64(n/100)/10, number.MaxFractionDigits(1))) + " k"
	}
	return s.number(n)
}

func queryEscape(text string) string { return url.QueryEscape(text) }

// setLanguage keeps a person's choice.
func (r *room) setLanguage(w http.ResponseWriter, req *http.Request) {
	tag := req.PostFormValue("language")
	if languageNames[tag] != "" {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: tag, Path: "/", MaxAge: 400 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	back := "/"
	if u, err := url.Parse(req.Referer()); err == nil {
		back = inside(u.RequestURI())
	}
	http.Redirect(w, req, back, http.StatusSeeOther)
}
