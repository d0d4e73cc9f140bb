// SPDX-License-Identifier: Apache-2.0

// Package loopback recognises the names of this machine in addresses and in the Host of requests.
package loopback

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Is reports whether a host's name or address is this machine's own, which other machines cannot reach.
func Is(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Host reports whether the Host of a request, with or without a port, is this machine's own. On the loopback other
// hosts are to be refused: a page of another site can make a browser ask this machine under that site's name (DNS
// rebinding), and only the Host tells.
func Host(host string) bool {
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			host = h
		}
	}
	if h, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(h, "]") {
		host = h[:len(h)-1]
	}
	return Is(host)
}
