package http

import (
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/tidwall/gjson"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// errEnough ends a walk of which no more is wanted.
var errEnough = errors.New("enough")

// position is a cursor. Marks are kept in their text: times in RFC 3339, the others as the system writes them.
type position struct {
	Since string    `json:"since,omitempty"` // what this read began at
	High  string    `json:"high,omitempty"`  // the highest mark seen in it
	Begun time.Time `json:"begun,omitzero"`  // when it began, by the system's clock
	Page  string    `json:"page,omitempty"`  // the next page; "" = the first

	Inbox string `json:"inbox,omitempty"` // of a webhook: whose deliveries
	Seq   int64  `json:"seq,omitempty"`   // up to which
}

func (p position) String() string {
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and a time can always be written
	}
	return string(data)
}

// Read reads a list page by page. The cursor after a page names the next one; the one after the last has the mark from which
// the next read asks on. That mark is never after the begin of the read: what changed meanwhile may stand on a page that
// was read before.
func (c *connection) Read(ctx context.Context, q sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	e, err := c.entity(q.Entity)
	if err != nil {
		return "", err
	}
	if e.Webhook != nil {
		return c.readInbox(ctx, e, q, emit)
	}
	r := &reading{connection: c, entity: e, query: q, emit: emit}
	if err := r.begin(); err != nil {
		return "", err
	}
	from := r.at.Page
	err = c.http.Walk(ctx, r.request(), e.pages(), from, r.page)
	if from != "" && !r.visited && (classOf(err) == protocol.FailureClass_FAILURE_CLASS_INVALID || classOf(err) == protocol.FailureClass_FAILURE_CLASS_NOT_FOUND) {
		r.at.Page, r.at.High, r.at.Begun = "", "", time.Time{} // the system has forgotten this place
		err = c.http.Walk(ctx, r.request(), e.pages(), "", r.page)
	}
	return r.at.String(), err
}

// reading is one read under way.
type reading struct {
	*connection
	entity  *entity
	query   sdk.ReadRequest
	emit    func(sdk.Batch) error
	at      position
	visited bool
}

func (r *reading) ranged() bool { return !r.query.From.IsZero() || !r.query.To.IsZero() }

// parse takes the cursor apart.
func (r *reading) parse() error {
	if r.query.Cursor == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(r.query.Cursor), &r.at); err != nil {
		return sdk.Fatal("http.bad_cursor", "%q is no cursor of this connector", r.query.Cursor)
	}
	return nil
}

func (r *reading) begin() error {
	if err := r.parse(); err != nil {
		return err
	}
	if !r.ranged() {
		return nil
	}
	if r.entity.Cursor == nil || !r.entity.Cursor.timed() {
		return sdk.Fatal("http.no_range", "%s can't be read by time: its `cursor` names no time", r.query.Entity)
	}
	if r.query.Cursor == "" && !r.query.From.IsZero() {
		r.at.Since = r.query.From.UTC().Format(time.RFC3339Nano)
	}
	return nil
}

// request is the call for the first page.
func (r *reading) request() sdk.HTTPRequest {
	q := url.Values{}
	for name, value := range r.entity.Query {
		q.Set(name, value)
	}
	if m := r.entity.Cursor; m != nil {
		if r.at.Since != "" {
			back := m.overlap
			if r.ranged() {
				back = 0
			}
			q.Set(m.Parameter, m.text(r.at.Since, back))
		}
		if m.Until != "" && !r.query.To.IsZero() {
			q.Set(m.Until, m.text(r.query.To.UTC().Format(time.RFC3339Nano), 0))
		}
	}
	request := sdk.HTTPRequest{Method: r.entity.Method, URL: r.address(r.entity.Path, q), Header: r.header()}
	if r.entity.Method == nethttp.MethodPost {
		request.Body, _ = record.Encode(r.entity.body()) // it came from such an encoding
		request.Header.Set("Content-Type", "application/json")
	}
	request.Refused = r.refused
	return request
}

// page passes a page on.
func (r *reading) page(p sdk.Page) error {
	if r.at.Begun.IsZero() {
		var err error
		if r.at.Begun, err = nethttp.ParseTime(p.Answer.Header.Get("Date")); err != nil {
			r.at.Begun = r.now()
		}
		r.at.Begun = r.at.Begun.UTC()
	}
	var records []sdk.Record
	for _, item := range p.Records {
		rec, wanted, err := r.record(item)
		if err != nil {
			return err
		}
		if wanted {
			records = append(records, rec)
		}
	}
	r.at.Page, r.visited = p.Next, true
	if p.Next == "" {
		r.finish()
	}
	for size := r.query.BatchSize; len(records) > size; records = records[size:] {
		if err := r.emit(sdk.Batch{Records: records[:size]}); err != nil {
			return err
		}
	}
	return r.emit(sdk.Batch{Records: records, Cursor: r.at.String()})
}

// finish makes the cursor that of the next read.
func (r *reading) finish() {
	m := r.entity.Cursor
	if m != nil && r.at.High != "" {
		high := r.at.High
		if begun := r.at.Begun.Format(time.RFC3339Nano); m.timed() && m.less(begun, high) {
			high = begun
		}
		if m.less(r.at.Since, high) {
			r.at.Since = high
		}
	}
	r.at.High, r.at.Begun = "", time.Time{}
}

func (r *reading) record(item json.RawMessage) (rec sdk.Record, wanted bool, err error) {
	rec.Key = r.entity.idOf(item)
	rec.Delete = r.entity.Deleted != "" && gjson.GetBytes(item, r.entity.Deleted).Bool()
	rec.Payload, rec.Err = r.entity.payload(item)
	if rec.Err == nil && rec.Key == "" {
		rec.Err = sdk.Invalid("http.no_id", "the record has no id at %s", r.entity.ID).At(r.entity.ID)
	}
	if !gjson.ParseBytes(item).IsObject() {
		rec.Payload, err = record.Encode(map[string]any{"text": string(item)})
		return rec, true, err
	}
	m := r.entity.Cursor
	if m == nil {
		return rec, true, nil
	}
	v := gjson.GetBytes(item, m.Field)
	if !v.Exists() || v.Type == gjson.Null {
		return rec, true, nil
	}
	mark, ok := m.parse(v)
	if !ok {
		return rec, false, sdk.Fatal("http.cursor_field", "%s of %s %s is %s, which is no %s; correct `cursor`",
			m.Field, r.query.Entity, rec.Key, v.Raw, m.Format)
	}
	if m.timed() {
		rec.OccurredAt, _ = time.Parse(time.RFC3339Nano, mark)
		if !r.query.From.IsZero() && rec.OccurredAt.Before(r.query.From) || !r.query.To.IsZero() && !rec.OccurredAt.Before(r.query.To) {
			return rec, false, nil
		}
	}
	if r.at.High == "" || m.less(r.at.High, mark) {
		r.at.High = mark
	}
	return rec, true, nil
}

func (m *mark) timed() bool { return m.Format != formatInteger && m.Format != formatText }

// parse reads a mark in a record.
func (m *mark) parse(v gjson.Result) (string, bool) {
	text := v.Raw
	if v.Type == gjson.String {
		text = v.Str
	}
	var at time.Time
	var err error
	switch m.Format {
	case formatText:
		return text, v.Type == gjson.String || v.Type == gjson.Number
	case formatInteger:
		_, _, err = apd.NewFromString(text)
		return text, err == nil
	case formatDate:
		at, err = time.Parse(time.DateOnly, text)
	case formatDateTime:
		at, err = time.Parse(time.DateTime, text)
	case formatUnix, formatUnixMs:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); m.Format == formatUnix {
			at = time.Unix(n, 0)
		} else {
			at = time.UnixMilli(n)
		}
	default:
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			at, err = time.Parse("2006-01-02T15:04:05.999999999", text) // without a zone: UTC
		}
	}
	return at.UTC().Format(time.RFC3339Nano), err == nil
}

// text writes a mark for the query, so much earlier where it is a time.
func (m *mark) text(mark string, back time.Duration) string {
	if !m.timed() {
		return mark
	}
	at, err := time.Parse(time.RFC3339Nano, mark)
	if err != nil {
		return mark
	}
	switch at = at.Add(-back); m.Format {
	case formatDate:
		return at.Format(time.DateOnly)
	case formatDateTime:
		return at.Format(time.DateTime)
	case formatUnix:
		return strconv.FormatInt(at.Unix(), 10)
	case formatUnixMs:
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	return at.Format(time.RFC3339Nano)
}

// less compares two marks; "" is before all.
func (m *mark) less(a, b string) bool {
	if a == "" || b == "" {
		return b != ""
	}
	switch {
	case m.timed():
		x, _ := time.Parse(time.RFC3339Nano, a)
		y, _ := time.Parse(time.RFC3339Nano, b)
		return x.Before(y)
	case m.Format == formatInteger:
		x, _, errA := apd.NewFromString(a)
		y, _, errB := apd.NewFromString(b)
		return errA == nil && errB == nil && x.Cmp(y) < 0
	}
	return a < b
}

// body is what a POST that reads sends.
func (e *entity) body() any {
	if e.Body == nil {
		return map[string]any{}
	}
	return e.Body
}

func classOf(err error) protocol.FailureClass {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f.Class
	}
	return protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED
}
