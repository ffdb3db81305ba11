// Package engine is the room of records in motion: run (deliver), state (the database), schedule (who runs when).
// It uses the language, the transforms and the connector host, and nothing but the command line uses it.
package engine
