package protocol

import "net"

// Loopback tells whether a host, without its port, can only be reached from this machine. Only there may what is secret
// or personal travel unencrypted.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
