package state

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrKey is that of a state which is encrypted, and not with a key that was given.
var ErrKey = errors.New("the key does not fit")

// Key encrypts what the state keeps of records.
type Key [chacha20poly1305.KeySize]byte

// NewKey makes a key by chance.
func NewKey() Key {
	var k Key
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// ParseKeys reads keys as String writes them, divided by commas or white space. Errors never quote them.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for i, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		data, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(data) != len(Key{}) {
			return nil, fmt.Errorf("key number %d is not one: it must be 32 bytes in base64, as kopru key new writes them", i+1)
		}
		keys = append(keys, Key(data))
	}
	return keys, nil
}

// String is the key itself, in base64.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

type keyID [4]byte

// id names a key in what it has sealed.
func (k Key) id() keyID {
	sum := sha256.Sum256(append([]byte("kopru key "), k[:]...))
	return keyID(sum[:4])
}

// Name is what a key is called where people see it. It tells nothing of the key.
func (k Key) Name() string { id := k.id(); return hex.EncodeToString(id[:]) }

// What is sealed begins with a byte with which neither JSON nor a text of ours begins.
const (
	sealedMark = 0x01 // then the id of the key, a nonce and what XChaCha20-Poly1305 made; of a text, in base64
	equalMark  = 0x02 // the same without an id, under the lookup key: equal texts look alike
)

// seal encrypts and reads what is stored. Without keys it leaves everything as it is.
type seal struct {
	lookup []byte      // never changes: digests are made with it, and texts that are looked up by equality
	equals cipher.AEAD // made of lookup
	newest keyID
	writes cipher.AEAD // nil = not encrypted
	reads  map[keyID]cipher.AEAD
}

func newSeal(keys []Key) *seal {
	s := &seal{reads: map[keyID]cipher.AEAD{}}
	for i, k := range slices.Backward(keys) {
		s.reads[k.id()] = box(k[:])
		if i == 0 {
			s.newest, s.writes = k.id(), s.reads[k.id()]
		}
	}
	return s
}

func box(key []byte) cipher.AEAD {
	b, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // of another length than a key's
	}
	return b
}

// mac is a digest of parts that nobody can make without the lookup key.
func (s *seal) mac(purpose, text string) []byte {
	h := hmac.New(sha256.New, s.lookup)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(text))
	return h.Sum(nil)
}

// bytes seals a document.
func (s *seal) bytes(v []byte) []byte {
	if s.writes == nil || len(v) == 0 {
		return v
	}
	out := make([]byte, 1+len(s.newest)+chacha20poly1305.NonceSizeX, 1+len(s.newest)+chacha20poly1305.NonceSizeX+len(v)+chacha20poly1305.Overhead)
	out[0] = sealedMark
	copy(out[1:], s.newest[:])
	nonce := out[1+len(s.newest):]
	_, _ = rand.Read(nonce) // never fails
	return s.writes.Seal(out, nonce, v, nil)
}

// open reads a document, sealed or not.
func (s *seal) open(v []byte) ([]byte, error) {
	if len(v) == 0 || v[0] != sealedMark {
		return v, nil
	}
	var id keyID
	v = v[1:]
	if len(v) < len(id)+chacha20poly1305.NonceSizeX {
		return nil, errors.New("what is stored is cut off")
	}
	copy(id[:], v)
	with := s.reads[id]
	if with == nil {
		return nil, fmt.Errorf("%w: this is encrypted with the key %s, which was not given", ErrKey, hex.EncodeToString(id[:]))
	}
	return openWith(with, v[len(id):])
}

func openWith(with cipher.AEAD, v []byte) ([]byte, error) {
	if len(v) < with.NonceSize() {
		return nil, errors.New("what is stored is cut off")
	}
	plain, err := with.Open(nil, v[:with.NonceSize()], v[with.NonceSize():], nil)
	if err != nil {
		return nil, errors.New("what is stored was changed by another hand, and can't be decrypted")
	}
	return plain, nil
}

// text seals a text that nobody looks for.
func (s *seal) text(v string) string {
	if s.writes == nil || v == "" {
		return v
	}
	return string(rune(sealedMark)) + base64.RawStdEncoding.EncodeToString(s.bytes([]byte(v)))
}

// equal seals a text so that equal ones stay equal and can be looked up. Its nonce is a digest of it.
func (s *seal) equal(v string) string {
	if s.writes == nil || v == "" {
		return v
	}
	nonce := s.mac("nonce", v)[:chacha20poly1305.NonceSizeX]
	return string(rune(equalMark)) + base64.RawStdEncoding.EncodeToString(s.equals.Seal(slices.Clone(nonce), nonce, []byte(v), nil))
}

// openText reads a text, sealed in either way or not.
func (s *seal) openText(v string) (string, error) {
	if v == "" || v[0] != sealedMark && v[0] != equalMark {
		return v, nil
	}
	data, err := base64.RawStdEncoding.DecodeString(v[1:])
	if err != nil {
		return "", errors.New("what is stored was changed by another hand")
	}
	if v[0] == equalMark {
		data, err = openWith(s.equals, data)
	} else {
		data, err = s.open(data)
	}
	return string(data), err
}

// openAll reads what a row has, in place.
func (s *seal) openAll(documents []*[]byte, texts []*string) error {
	var errs []error
	for _, d := range documents {
		var err error
		*d, err = s.open(*d)
		errs = append(errs, err)
	}
	for _, t := range texts {
		var err error
		*t, err = s.openText(*t)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Encrypted tells whether what is written is encrypted, and with which key.
func (s *Store) Encrypted() (key string, yes bool) {
	return hex.EncodeToString(s.seal.newest[:]), s.seal.writes != nil
}

const lookupName = "lookup"

// unlock fetches the lookup key, or makes it. It is sealed like all else, so a wrong key is found out here, before
// anything is read or written.
func (s *Store) unlock(ctx context.Context, keys []Key) error {
	s.seal = newSeal(keys)
	stored, err := s.vault(ctx, s.write)
	if err != nil {
		return err
	}
	if stored == nil || s.seal.writes != nil && stored[0] != sealedMark {
		if stored, err = s.fillVault(ctx); err != nil {
			return err
		}
	}
	if stored[0] == sealedMark && len(keys) == 0 {
		return fmt.Errorf("%w: the state is encrypted with the key %s, and none was given; set KOPRU_KEY, or key in the engine block",
			ErrKey, hex.EncodeToString(stored[1:5]))
	}
	lookup, err := s.seal.open(stored)
	if errors.Is(err, ErrKey) {
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.Name()
		}
		return fmt.Errorf("%w: the state is encrypted with the key %s, and what was given is %s; add the key that fits to KOPRU_KEY, "+
			"or to key in the engine block, behind a comma", ErrKey, hex.EncodeToString(stored[1:5]), strings.Join(names, ", "))
	}
	if err != nil {
		return err
	}
	s.seal.setLookup(lookup)
	return nil
}

func (s *seal) setLookup(lookup []byte) {
	s.lookup = bytes.TrimPrefix(lookup, []byte{0})
	s.equals = box(s.mac("equal", ""))
}

func (s *Store) vault(ctx context.Context, in interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
},
) (value []byte, err error) {
	err = scanAll(ctx, in, s.rebind("SELECT value FROM vault WHERE name = ?"), []any{lookupName},
		func(rows *sql.Rows) error { return rows.Scan(&value) })
	return value, err
}

// fillVault makes the lookup key, or seals the one that is there, with everything that is found by it.
func (s *Store) fillVault(ctx context.Context) (stored []byte, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if s.dialect.name == "postgres" { // nodes that start at the same time agree on one
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(4207849487)"); err != nil {
				return err
			}
		}
		if stored, err = s.vault(ctx, tx); err != nil {
			return err
		}
		fresh := stored == nil
		switch {
		case fresh:
			key := NewKey()
			stored = append([]byte{0}, key[:]...)
		case stored[0] == sealedMark || s.seal.writes == nil: // another node was quicker
			return nil
		}
		s.seal.setLookup(stored)
		if fresh {
			err = s.rename(ctx, tx, "mentions", "term", func(plain string) string {
				digest, isEmail := strings.CutPrefix(plain, emailPrefix)
				if !isEmail {
					return plain
				}
				return emailPrefix + hex.EncodeToString(s.seal.mac("email", digest))
			})
		}
		err = errors.Join(err, s.rename(ctx, tx, "intents", "match", s.seal.equal), s.rename(ctx, tx, "held", "wait_match", s.seal.equal))
		if err != nil {
			return err
		}
		stored = s.seal.bytes(stored)
		return s.insert(ctx, tx, "INSERT INTO vault (name, value)", 2, "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			[][]any{{lookupName, stored}})
	})
	return stored, err
}

// rename writes the texts of a column in another form.
func (s *Store) rename(ctx context.Context, tx *sql.Tx, table, column string, as func(string) string) error {
	var list []string
	err := scanAll(ctx, tx, "SELECT DISTINCT "+column+" FROM "+table, nil, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		list = append(list, text)
		return err
	})
	for _, text := range list {
		if to := as(text); err == nil && to != text {
			_, err = tx.ExecContext(ctx, s.rebind("UPDATE "+table+" SET "+column+" = ? WHERE "+column+" = ?"), to, text)
		}
	}
	return err
}

func (s *seal) sealedNow(v []byte) bool {
	return len(v) > 1+len(s.newest) && v[0] == sealedMark && keyID(v[1:1+len(s.newest)]) == s.newest
}

func (s *seal) textSealedNow(v string) bool {
	if v[0] != sealedMark {
		return false
	}
	data, err := base64.RawStdEncoding.DecodeString(v[1:])
	return err == nil && s.sealedNow(data)
}
