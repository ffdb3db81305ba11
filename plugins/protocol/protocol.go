// Package protocol is the contract between the engine and every connector: connector.proto and what it generates.
package protocol

import goplugin "github.com/hashicorp/go-plugin"

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative connector.proto

// Version of the protocol. It changes when an old connector can no longer be served; additions do not change it.
const Version = 1

// Handshake tells a connector that Kopru started it; it is not a security measure.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  Version,
	MagicCookieKey:   "KOPRU_CONNECTOR",
	MagicCookieValue: "k0pr",
}

// PluginName is the name under which a connector is dispensed.
const PluginName = "connector"

// Environment variables the host sets for a connector process.
const (
	EnvLifeline = "KOPRU_LIFELINE_FD" // read end of a pipe; it closes when the engine is gone, and the connector exits
	EnvStdout   = "KOPRU_STDOUT_FD"   // the engine's standard output, only for manifests with stdio
	EnvLogLevel = "KOPRU_LOG_LEVEL"   // "debug", "info", "warn" or "error": less than that need not be logged
)

// MaxMessage is the largest gRPC message in bytes either side accepts.
const MaxMessage = 64 << 20
