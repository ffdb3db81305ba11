package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strings"
)

const emailPrefix = "email:"

// SearchTerm is the form in which a text is remembered for the search: an e-mail address as a digest of it that nobody
// can make without the state.
func (s *Store) SearchTerm(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if !strings.Contains(text, "@") {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return emailPrefix + hex.EncodeToString(s.seal.mac("email", hex.EncodeToString(sum[:])))
}

func (s *Store) settleStories(ctx context.Context, tx *sql.Tx, st Settlement) error {
	rows := make([][]any, len(st.Stories))
	for i, story := range st.Stories {
		rows[i] = []any{story.RecordID, story.At.UnixMilli(), story.Body}
	}
	// A run that is taken up again gives a record it has not settled the same name.
	err := s.insert(ctx, tx, "INSERT INTO stories (record_id, at, story)", 3,
		"ON CONFLICT (record_id) DO UPDATE SET at = excluded.at, story = excluded.story", rows)
	if err != nil {
		return err
	}
	mentions := make([][]any, len(st.Mentions))
	for i, m := range st.Mentions {
		mentions[i] = []any{m.Term, st.Pipeline, m.Key}
	}
	return s.insert(ctx, tx, "INSERT INTO mentions (term, pipeline, key)", 3, "ON CONFLICT DO NOTHING", mentions)
}

// StoryOf returns the story of an entry's record, nil when none is kept.
func (s *Store) StoryOf(ctx context.Context, recordID string) ([]byte, error) {
	var story []byte
	err := s.query(ctx, "SELECT story FROM stories WHERE record_id = ?", []any{recordID},
		func(rows *sql.Rows) error { return rows.Scan(&story) })
	if err != nil {
		return nil, err
	}
	return s.seal.open(story)
}
