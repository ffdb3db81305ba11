package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// PageStyle is how the pages of a list follow each other.
type PageStyle string

// The styles.
const (
	OnePage     PageStyle = ""       // the whole list is one answer
	PageNumber  PageStyle = "page"   // Parameter is the number of the page
	PageOffset  PageStyle = "offset" // Parameter is how many records to pass over
	PageCursor  PageStyle = "cursor" // Parameter is what stands at Next in the page before
	PageLink    PageStyle = "link"   // the header Link says where rel="next" is
	PageAddress PageStyle = "next"   // the address of the next page stands at Next
)

// Pages says how a list is read. Its paths are those of gjson, such as "data.items" or "meta.next".
type Pages struct {
	Style PageStyle
	Items string // path of the records in an answer; "" = the answer is the list itself

	Parameter     string // of the query
	First         int    // the number of the first page
	SizeParameter string // of the query, where the system wants to know how many records a page has; "" = it does not
	Size          int

	Next string // path of the next page's cursor or address
	More string // path of a bool that is false on the last page; "" = there is none
}

// Page is one page of a list.
type Page struct {
	Records []json.RawMessage
	Next    string // where the next page begins, for Walk; "" = this is the last one
	Answer  *HTTPResponse
}

// Walk reads a list page by page and calls visit for each. It begins at a place that an earlier page named as Next, or with
// the first page when at is "". A page that is shorter than asked for is not the last: numbers and offsets end with an empty one,
// cursors and addresses where there is no next. Pages that repeat are a failure, never an endless read. The address of a
// next page must be at the host of the first, for the credentials go along.
func (h *HTTP) Walk(ctx context.Context, r HTTPRequest, p Pages, at string, visit func(Page) error) error {
	first, err := url.Parse(r.URL)
	if err != nil {
		return Fatal(h.System+".bad_request", "the address of the list can't be read")
	}
	seen := map[string]bool{}
	var before []json.RawMessage
	for {
		if r.URL, err = h.pageAddress(first, p, at); err != nil {
			return err
		}
		answer, err := h.Do(ctx, r)
		if err != nil {
			return err
		}
		page := Page{Answer: answer}
		if page.Records, err = h.records(answer, p.Items); err != nil {
			return err
		}
		if page.Next, err = h.next(first, p, at, page); err != nil {
			return err
		}
		seen[at] = true
		same := len(before) > 0 && slices.EqualFunc(before, page.Records, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
		if seen[page.Next] && page.Next != "" || same {
			return Fatal(h.System+".pages_repeat", "the pages of the list repeat: does %s take %q so?", first.Path, p.Parameter)
		}
		if err := visit(page); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		at, before = page.Next, page.Records
	}
}

func (h *HTTP) pageAddress(first *url.URL, p Pages, at string) (string, error) {
	u := *first
	q := u.Query()
	if p.SizeParameter != "" {
		q.Set(p.SizeParameter, strconv.Itoa(p.Size))
	}
	switch {
	case p.Style == PageLink || p.Style == PageAddress:
		if at == "" {
			break
		}
		next, err := first.Parse(at)
		if err != nil || next.Scheme != first.Scheme || next.Host != first.Host {
			return "", Fatal(h.System+".foreign_page", "the next page is said to be at another host than %s", first.Host)
		}
		u, q = *next, next.Query()
		for _, name := range h.RedactQuery { // which does not travel in cursors
			if first.Query().Has(name) {
				q.Set(name, first.Query().Get(name))
			}
		}
	case at != "":
		q.Set(p.Parameter, at)
	case p.Style == PageNumber:
		q.Set(p.Parameter, strconv.Itoa(p.First))
	case p.Style == PageOffset:
		q.Set(p.Parameter, "0")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// next says where the page after this one begins.
func (h *HTTP) next(first *url.URL, p Pages, at string, page Page) (string, error) {
	if p.More != "" && !gjson.GetBytes(page.Answer.Body, p.More).Bool() {
		return "", nil
	}
	count := func(from, step int) (string, error) {
		if len(page.Records) == 0 {
			return "", nil
		}
		if at != "" {
			n, err := strconv.Atoi(at)
			if err != nil || n < 0 {
				return "", Fatal(h.System+".bad_cursor", "%q is no place in this list", at)
			}
			from = n
		}
		return strconv.Itoa(from + step), nil
	}
	switch p.Style {
	case PageNumber:
		return count(p.First, 1)
	case PageOffset:
		return count(0, len(page.Records))
	case PageCursor:
		return scalar(gjson.GetBytes(page.Answer.Body, p.Next)), nil
	case PageLink:
		return h.place(first, linked(page.Answer.Header, "next"))
	case PageAddress:
		return h.place(first, scalar(gjson.GetBytes(page.Answer.Body, p.Next)))
	}
	return "", nil
}

// place is an address without its host and without secrets: it goes into cursors.
func (h *HTTP) place(first *url.URL, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	u, err := first.Parse(address)
	if err != nil || u.Scheme != first.Scheme || u.Host != first.Host {
		return "", Fatal(h.System+".foreign_page", "the next page is said to be at another host than %s", first.Host)
	}
	q := u.Query()
	for _, name := range h.RedactQuery {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.RequestURI(), nil
}

// scalar is a text or a number; "" = neither.
func scalar(r gjson.Result) string {
	if r.Type == gjson.String || r.Type == gjson.Number {
		return r.String()
	}
	return ""
}

// linked finds the address with a relation in Link headers (RFC 8288); "" = there is none.
func linked(header http.Header, relation string) string {
	for _, line := range header.Values("Link") {
		for link := range strings.SplitSeq(line, "<") {
			address, parameters, _ := strings.Cut(link, ">")
			for part := range strings.SplitSeq(parameters, ";") {
				name, value, _ := strings.Cut(strings.Trim(part, " ,"), "=")
				if strings.EqualFold(strings.TrimSpace(name), "rel") &&
					slices.Contains(strings.Fields(strings.ToLower(strings.Trim(value, ` "`))), relation) {
					return address
				}
			}
		}
	}
	return ""
}

// records are the elements of the list at a path, as they stand there. What is no list is a failure, not an empty one.
func (h *HTTP) records(answer *HTTPResponse, path string) ([]json.RawMessage, error) {
	if answer.Status == http.StatusNoContent {
		return nil, nil
	}
	if !gjson.ValidBytes(answer.Body) {
		return nil, Transient(h.System+".bad_answer", "the answer is not JSON").Remote(answer.Status, words(answer.Header, h.Hide(string(answer.Body))))
	}
	list := gjson.ParseBytes(answer.Body)
	if path != "" {
		list = list.Get(path)
	}
	if list.Type == gjson.Null && list.Exists() { // as some write an empty list
		return nil, nil
	}
	if !list.IsArray() {
		where := "the answer"
		if path != "" {
			where = path
		}
		return nil, Fatal(h.System+".no_list", "there is no list of records at %s", where).
			Remote(answer.Status, words(answer.Header, h.Hide(string(answer.Body))))
	}
	var out []json.RawMessage
	for _, item := range list.Array() {
		out = append(out, json.RawMessage(item.Raw))
	}
	return out, nil
}
