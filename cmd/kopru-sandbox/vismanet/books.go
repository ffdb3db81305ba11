package vismanet

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// books are everything one company keeps. Server.mu guards them.
type books struct {
	now func() time.Time

	setup      *setup
	customers  *shelf[*customer]
	contacts   *shelf[*contact]
	items      *shelf[*item]
	orders     *shelf[*order]
	searched   []searched // of the orders; nil = to be made anew
	shipments  *shelf[*shipment]
	payments   *shelf[*payment]
	attributes []*attribute
	categories []*category // of sales

	invoices, creditNotes *shelf[*document]

	customersByEmail index[*customer]
	itemsByAlternate index[*item]
	ordersByRefNo    index[*order]

	version     uint64
	lastID      int
	lastNumbers map[string]int
}

// newBooks are the books of a company that has been set up and knows nobody yet. Identifiers start where they all have
// as many digits, so that they sort as text.
func newBooks(now func() time.Time) *books {
	b := &books{
		now: now, setup: newSetup(), attributes: newAttributes(), categories: newCategories(),
		customers: newShelf[*customer](), contacts: newShelf[*contact](), items: newShelf[*item](), orders: newShelf[*order](),
		shipments: newShelf[*shipment](), payments: newShelf[*payment](), invoices: newShelf[*document](),
		creditNotes:      newShelf[*document](),
		customersByEmail: make(index[*customer]), itemsByAlternate: make(index[*item]), ordersByRefNo: make(index[*order]),
		version: 100_000, lastID: 1_000_000, lastNumbers: make(map[string]int),
	}
	for _, a := range b.attributes {
		a.created, a.modified = b.setup.at, b.setup.at
	}
	return b
}

// stamp is what every stored record carries.
type stamp struct {
	internalID int
	created    time.Time
	modified   time.Time
	version    uint64
}

func (s *stamp) base() *stamp { return s }

func (b *books) newStamp() stamp {
	s := stamp{internalID: b.nextID(), created: b.clock()}
	b.touch(&s)
	return s
}

// touch gives a changed record its new time and version.
func (b *books) touch(s *stamp) {
	b.version++
	s.version, s.modified = b.version, b.clock()
}

func (b *books) clock() time.Time { return b.now().UTC().Truncate(time.Millisecond) }

func (b *books) nextID() int {
	b.lastID++
	return b.lastID
}

// nextNumber is the next number of a series that is still free.
func (b *books) nextNumber(series string, first int, format string, taken func(number string) bool) string {
	if b.lastNumbers[series] == 0 {
		b.lastNumbers[series] = first - 1
	}
	for {
		b.lastNumbers[series]++
		if number := fmt.Sprintf(format, b.lastNumbers[series]); !taken(number) {
			return number
		}
	}
}

// etag is the version as the services show it: base64 of eight bytes.
func (s *stamp) etag() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, s.version))
}

func (s *stamp) quotedETag() string { return `"` + s.etag() + `"` }

// matches tells whether an If-Match header names this version; quotes are optional, as clients differ.
func (s *stamp) matches(header string) bool {
	return header == "*" || strings.Trim(strings.TrimPrefix(header, "W/"), `"`) == s.etag()
}

// record is anything with a key that the books keep.
type record interface {
	comparable
	key() string
	base() *stamp
}

// shelf keeps records in the order of their keys and finds them by key, in any letter case, or by internal id.
type shelf[T record] struct {
	all   []T
	byKey map[string]T
	byID  map[int]T
}

func newShelf[T record]() *shelf[T] {
	return &shelf[T]{byKey: make(map[string]T), byID: make(map[int]T)}
}

// get is the record with the key, or nil.
func (s *shelf[T]) get(key string) T { return s.byKey[strings.ToLower(key)] }

// internal is the record with the internal id, or nil.
func (s *shelf[T]) internal(id string) T {
	n, err := strconv.Atoi(id)
	if err != nil {
		n = -1
	}
	return s.byID[n]
}

func (s *shelf[T]) place(key string) (int, bool) {
	return slices.BinarySearchFunc(s.all, strings.ToLower(key), func(r T, key string) int {
		return strings.Compare(strings.ToLower(r.key()), key)
	})
}

func (s *shelf[T]) put(r T) {
	i, _ := s.place(r.key())
	s.all = slices.Insert(s.all, i, r)
	s.byKey[strings.ToLower(r.key())], s.byID[r.base().internalID] = r, r
}

func (s *shelf[T]) remove(r T) {
	if i, found := s.place(r.key()); found {
		s.all = slices.Delete(s.all, i, i+1)
	}
	delete(s.byKey, strings.ToLower(r.key()))
	delete(s.byID, r.base().internalID)
}

// index finds records by a value that several may share, in any letter case.
type index[T comparable] map[string][]T

func (x index[T]) add(value string, r T) {
	if k := strings.ToLower(value); k != "" && !slices.Contains(x[k], r) {
		x[k] = append(x[k], r)
	}
}

func (x index[T]) drop(value string, r T) {
	k := strings.ToLower(value)
	x[k] = slices.DeleteFunc(x[k], func(have T) bool { return have == r })
	if len(x[k]) == 0 {
		delete(x, k)
	}
}

func (x index[T]) get(value string) []T { return x[strings.ToLower(value)] }

func (b *books) attribute(id string) *attribute {
	return find(b.attributes, func(a *attribute) bool { return same(a.id, id) })
}

func find[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

// rates are the VATs of a zone and a category; none means that nothing is taxed.
func (s *setup) rates(zone, category string) []*vat {
	z, c := s.zone(zone), s.category(category)
	if z == nil || c == nil {
		return nil
	}
	var out []*vat
	for _, id := range c.vats {
		if slices.Contains(z.vats, id) {
			out = append(out, s.vat(id))
		}
	}
	return out
}

var zero = new(apd.Decimal)
