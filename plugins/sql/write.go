package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	ifExistsFail   = "fail"
	ifExistsUpdate = "update"
)

// Writer writes a table, or a view that the database lets be written.
func (c *connection) Writer(ctx context.Context, request sdk.WriteRequest) (sdk.BatchWriter, error) {
	t, err := c.table(ctx, request.Entity)
	if err != nil {
		return nil, err
	}
	if t.query {
		return nil, sdk.Fatal("sql.query", "%s is a query; only tables and views can be written", t.entity)
	}
	if _, err := t.keyed(); err != nil {
		return nil, err
	}
	w := &writer{connection: c, table: t, update: request.Options.String("if_exists") == ifExistsUpdate, onceBy: request.Options.String("once_by")}
	if col, ok := t.column(w.onceBy); w.onceBy != "" && (!ok || col.kind != kindText) {
		return nil, sdk.Fatal("sql.no_column", "`once_by` needs a text column of %s; it has %s", t.entity, t.names()).At("once_by")
	}
	if d, ok := c.dialect.(mySQL); ok {
		query, args := d.safe(t.name)
		var engine string
		switch err := c.db.QueryRowContext(ctx, query, args...).Scan(&engine); {
		case err == nil:
			return nil, sdk.Fatal("sql.no_transactions", "%s is kept by %s, which knows no transactions, so nobody could say what of a batch was stored; "+
				"change it: ALTER TABLE %s ENGINE = InnoDB", t.entity, engine, t.from)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, c.failure(err)
		}
	}
	return w, nil
}

type writer struct {
	*connection
	table  *table
	update bool   // a create whose key is there updates that row
	onceBy string // the column that a create's own key is written to
}

// Close has nothing to end: each batch is a transaction of its own.
func (w *writer) Close() error { return nil }

// Write tries a batch as one transaction. If an operation in it is refused, all is taken back and each has a transaction
// of its own: a database need not be able to go on after a refusal.
func (w *writer) Write(ctx context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	results := make([]sdk.Result, len(ops))
	if len(ops) > 1 {
		err := w.transaction(ctx, ops, results)
		switch {
		case err == nil:
			return results, "", nil
		case sdk.IsClass(err, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS):
			return nil, "", err // of all of them
		}
		results = make([]sdk.Result, len(ops))
	}
	for i := range ops {
		if err := w.transaction(ctx, ops[i:i+1], results[i:i+1]); err != nil {
			results[i].Err = err
			if refused(err, "sql.duplicate") && ops[i].Operation == protocol.Operation_OPERATION_CREATE {
				results[i] = w.there(ctx, ops[i], results[i])
			}
		}
	}
	return results, "", nil
}

func refused(err error, code string) bool {
	var f *sdk.Failure
	return errors.As(err, &f) && f.Code == code
}

// transaction does all operations or none: then its error says why. What an operation finds out without being refused, such
// as that its row is not there, is in its result.
func (w *writer) transaction(ctx context.Context, ops []sdk.Op, results []sdk.Result) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return w.failure(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to take back
	for i, op := range ops {
		if results[i], err = w.one(ctx, tx, op); err != nil {
			failure := w.failure(err)
			if unfit(failure) && op.Operation != protocol.Operation_OPERATION_CREATE && len(ops) == 1 {
				_ = tx.Rollback()
				return w.absent(ctx, op, failure)
			}
			return failure
		}
	}
	err = tx.Commit()
	if err == nil {
		return nil
	}
	if r, refused := w.dialect.judge(err); refused && r.reason != passing { // a refusal at the very end takes all back
		return w.failure(err)
	}
	return sdk.Ambiguous("sql.lost", "the database's answer to a commit did not come: %s", w.hide(err.Error()))
}

func unfit(err error) bool { return sdk.IsClass(err, protocol.FailureClass_FAILURE_CLASS_INVALID) }

// absent tells whether an id that the database balks at can be that of a row.
func (w *writer) absent(ctx context.Context, op sdk.Op, failure error) error {
	if found, err := w.Lookup(ctx, w.table.entity, sdk.Query{ID: op.ID}); err == nil && len(found) == 0 {
		return w.notThere(op)
	}
	return failure
}

func (w *writer) notThere(op sdk.Op) *sdk.Failure {
	return sdk.NotFound("sql.no_row", "%s has no row %s", w.table.entity, op.ID)
}

// one does an operation. Its error takes the transaction back; what it found out is in the result.
func (w *writer) one(ctx context.Context, tx *sql.Tx, op sdk.Op) (sdk.Result, error) {
	if op.Operation == protocol.Operation_OPERATION_CREATE {
		values, err := w.values(op)
		if err != nil {
			return sdk.Result{Err: err}, nil //nolint:nilerr // it is the operation's alone
		}
		return w.create(ctx, tx, values)
	}
	key, ok := w.table.keyOf(op.ID)
	if !ok {
		return sdk.Result{Err: w.notThere(op)}, nil
	}
	if op.Version != "" {
		f, err := w.unchanged(ctx, tx, op, key)
		if err != nil {
			return sdk.Result{}, err
		}
		if f != nil {
			return sdk.Result{Err: f}, nil //nolint:nilerr // it is the operation's alone
		}
	}
	s := &statement{dialect: w.dialect}
	if op.Operation == protocol.Operation_OPERATION_DELETE {
		return w.change(ctx, tx, op, "DELETE FROM "+w.table.from+" WHERE "+w.table.byKey(s, key), s.args)
	}
	values, err := w.values(op)
	if err != nil {
		return sdk.Result{Err: err}, nil //nolint:nilerr // it is the operation's alone
	}
	return w.set(ctx, tx, op, key, values)
}

// values are an operation's, ready for the driver.
func (w *writer) values(op sdk.Op) (map[string]any, error) {
	payload, err := record.DecodeObject(op.Payload)
	if err != nil {
		return nil, sdk.Invalid("sql.bad_payload", "the record can't be read: %v", err)
	}
	out := make(map[string]any, len(payload))
	for name, value := range payload {
		col, ok := w.table.column(name)
		if !ok {
			return nil, sdk.Invalid("sql.no_column", "%s has no column %q; it has %s", w.table.entity, name, w.table.names()).At(name)
		}
		if out[name], err = col.encode(value); err != nil {
			return nil, sdk.Invalid("sql.bad_value", "%v", err).At(name)
		}
	}
	if w.onceBy != "" && op.Operation == protocol.Operation_OPERATION_CREATE {
		out[w.onceBy] = op.IdempotencyKey
	}
	return out, nil
}

func (w *writer) create(ctx context.Context, tx *sql.Tx, values map[string]any) (sdk.Result, error) {
	s := &statement{dialect: w.dialect}
	var columns, params []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		col, _ := w.table.column(name)
		columns = append(columns, w.dialect.quote(name))
		params = append(params, s.value(col, values[name]))
	}
	query, keyed := w.dialect.insert(w.table.from, columns, params, w.table.key)
	var result sdk.Result
	var err error
	if keyed {
		result.ID, err = w.answeredKey(ctx, tx, query, s.args)
	} else {
		result.ID, err = w.insertedKey(ctx, tx, query, s.args, values)
	}
	result.Exchanges = exchange(query, 1)
	return result, err
}

// answeredKey runs an insert that answers with the new row's key.
func (w *writer) answeredKey(ctx context.Context, q querier, query string, args []any) (string, error) {
	rows, err := w.rows(ctx, q, &table{columns: w.table.key}, query, args)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 {
		return "", sdk.Invalid("sql.not_created", "the database made %d rows of one: a rule or a trigger of the table changes what is written", len(rows))
	}
	fields, err := (&table{columns: w.table.key}).fields(rows[0])
	if err != nil {
		return "", err
	}
	return w.table.id(fields)
}

// insertedKey runs an insert that answers with nothing, and asks for the key of the row by what is known of it.
func (w *writer) insertedKey(ctx context.Context, q querier, query string, args []any, values map[string]any) (string, error) {
	done, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	key := make([]any, len(w.table.key))
	for i, c := range w.table.key {
		key[i] = values[c.name]
		if key[i] != nil {
			continue
		}
		if !c.auto {
			return "", sdk.Invalid("sql.key_missing", "the column %s is part of the key of %s, and the database does not tell what it chose; set it", c.name, w.table.entity).At(c.name)
		}
		if key[i], err = done.LastInsertId(); err != nil {
			return "", err
		}
	}
	s := &statement{dialect: w.dialect}
	where := w.table.byKey(s, key)
	return w.answeredKey(ctx, q, "SELECT "+shownKey(w.dialect, w.table.key)+" FROM "+w.table.from+" WHERE "+where, s.args)
}

// set updates a row.
func (w *writer) set(ctx context.Context, tx *sql.Tx, op sdk.Op, key []any, values map[string]any) (sdk.Result, error) {
	s := &statement{dialect: w.dialect}
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		col, _ := w.table.column(name)
		sets = append(sets, w.dialect.quote(name)+" = "+s.value(col, values[name]))
	}
	if len(sets) == 0 { // nothing to change, but is it there?
		col := w.dialect.quote(w.table.key[0].name)
		sets = []string{col + " = " + col}
	}
	query := "UPDATE " + w.table.from + " SET " + strings.Join(sets, ", ") + " WHERE " + w.table.byKey(s, key)
	result, err := w.change(ctx, tx, op, query, s.args)
	if err != nil || result.Err != nil {
		return result, err
	}
	now := map[string]any{} // the id, should the key itself have been changed
	for i, c := range w.table.key {
		v, changed := values[c.name]
		if !changed {
			v = key[i]
		}
		if now[c.name], err = c.decode(v); err != nil {
			return result, err
		}
	}
	result.ID, err = w.table.id(now)
	return result, err
}

// change runs a statement about one row.
func (w *writer) change(ctx context.Context, tx *sql.Tx, op sdk.Op, query string, args []any) (sdk.Result, error) {
	done, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return sdk.Result{}, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return sdk.Result{}, err
	}
	result := sdk.Result{ID: op.ID, Exchanges: exchange(query, n)}
	switch {
	case n == 0:
		result.Err = w.notThere(op)
	case n > 1:
		return result, sdk.Fatal("sql.key_not_unique", "%d rows of %s have the key %s, and none was changed; choose columns in `keys` that tell its rows apart",
			n, w.table.entity, op.ID)
	}
	return result, nil
}

// unchanged tells what is wrong when a row is not any more what it was when it was looked up. It stays as it is until the
// transaction ends.
func (w *writer) unchanged(ctx context.Context, tx *sql.Tx, op sdk.Op, key []any) (*sdk.Failure, error) {
	s := &statement{dialect: w.dialect}
	locked, atEnd := w.dialect.locked()
	query := "SELECT " + w.shown(w.table) + " FROM " + w.table.read + locked + " WHERE " + w.table.byKey(s, key) + atEnd
	rows, err := w.rows(ctx, tx, w.table, query, s.args)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return w.notThere(op), nil
	}
	fields, err := w.table.fields(rows[0])
	if err != nil {
		return nil, err
	}
	if record.Hash(fields) != op.Version {
		return sdk.Conflict("sql.changed_row", "the row %s of %s was changed since it was read", op.ID, w.table.entity), nil
	}
	return nil, nil
}

// there judges a create that would stand twice: it was sent before, and its answer was lost; or the row is another's.
func (w *writer) there(ctx context.Context, op sdk.Op, result sdk.Result) sdk.Result {
	values, err := w.values(op)
	if err != nil {
		return result
	}
	s := &statement{dialect: w.dialect}
	var parts []string
	if w.onceBy != "" {
		col, _ := w.table.column(w.onceBy)
		parts = append(parts, s.equal(col, op.IdempotencyKey))
	} else {
		for _, c := range w.table.key {
			if values[c.name] == nil {
				return result // the database chooses the key: another column is what stands twice
			}
			parts = append(parts, s.equal(c, values[c.name]))
		}
	}
	found, err := w.find(ctx, w.db, w.table, strings.Join(parts, " AND "), s.args, nil)
	if err != nil {
		return sdk.Result{Err: err}
	}
	switch {
	case len(found) != 1:
		return result // it was another column
	case w.onceBy != "" || w.same(values, found[0].Fields):
		return sdk.Result{ID: found[0].ID, Exchanges: result.Exchanges}
	case !w.update:
		result.Err = sdk.Invalid("sql.exists", `%s has a row %s already, with other values; match it by its key, or write if_exists = "update"`, w.table.entity, found[0].ID)
		return result
	}
	update := op
	update.Operation, update.ID = protocol.Operation_OPERATION_UPDATE, found[0].ID
	updated := make([]sdk.Result, 1)
	if err := w.transaction(ctx, []sdk.Op{update}, updated); err != nil {
		updated[0].Err = err
	}
	return updated[0]
}

// same tells whether a row holds what was sent.
func (w *writer) same(sent, there map[string]any) bool {
	for name, arg := range sent {
		col, _ := w.table.column(name)
		if v, err := col.decode(arg); err != nil || !record.Equal(v, there[name]) {
			return false
		}
	}
	return true
}

// exchange shows a statement without its values, which may be personal.
func exchange(query string, rows int64) []*protocol.Exchange {
	return []*protocol.Exchange{{Request: query, Response: fmt.Sprintf("%d row(s)", rows)}}
}
