package protocol

import _ "embed"

// Vectors are messages as they stand in protobuf's JSON and as they go over the wire, with what they mean: a list of
// {name, meaning, message, json, hex}. An implementation in another language is tried with them.
//
//go:embed vectors.json
var Vectors []byte
