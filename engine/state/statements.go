package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
)

// maxStatements is how many prepared statements a connection keeps.
const maxStatements = 200

// openKeeping opens SQLite with connections that keep their statements: parsing a statement anew costs more than
// carrying it out. (The driver for PostgreSQL does so itself.)
func openKeeping(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(keepingConnector{c}), nil
}

type keepingConnector struct{ driver.Connector }

// Connect opens a connection that keeps its statements.
func (k keepingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := c.(sqliteConn)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's connection is a %T, which can't be wrapped", c)
	}
	return &keepingConn{sqliteConn: full, kept: map[string]sqliteStmt{}}, nil
}

// sqliteConn is all that the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keepingConn keeps the statements that are not in use. As all connections, it serves one goroutine at a time.
type keepingConn struct {
	sqliteConn
	kept map[string]sqliteStmt
}

// ExecContext executes a statement that returns no rows.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer c.keep(query, stmt)
	return stmt.ExecContext(ctx, args)
}

// QueryContext executes a statement that returns rows.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args)
	if err != nil {
		c.keep(query, stmt)
		return nil, err
	}
	return &keepingRows{Rows: rows, done: func() { c.keep(query, stmt) }}, nil
}

// Unwrap returns the driver's connection, as the driver asks of those who wrap one.
func (c *keepingConn) Unwrap() driver.Conn { return c.sqliteConn }

func (c *keepingConn) take(ctx context.Context, query string) (sqliteStmt, error) {
	if stmt, ok := c.kept[query]; ok {
		delete(c.kept, query) // nobody else gets it until it is back
		return stmt, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(sqliteStmt)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statement is a %T, which can't be kept", prepared)
	}
	return stmt, nil
}

func (c *keepingConn) keep(query string, stmt sqliteStmt) {
	if c.kept[query] != nil { // it was in use twice at the same time
		_ = stmt.Close() // it has done its work
		return
	}
	for old, other := range c.kept { // chance decides which one makes room
		if len(c.kept) < maxStatements {
			break
		}
		_ = other.Close()
		delete(c.kept, old)
	}
	c.kept[query] = stmt
}

// Close closes the statements with the connection.
func (c *keepingConn) Close() error {
	for _, stmt := range c.kept {
		_ = stmt.Close() // the connection's own error tells
	}
	return c.sqliteConn.Close()
}

type keepingRows struct {
	driver.Rows
	done func()
}

// Close gives the statement back.
func (r *keepingRows) Close() error {
	err := r.Rows.Close()
	if r.done != nil {
		r.done()
		r.done = nil
	}
	return err
}
