package edge

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of origins. A host name has at most 253 bytes.
const (
	maxOriginBytes = 300
	maxOrigins     = 256
)

// An origin is where a page comes from, in lower case and without the port that its scheme implies.
type origin struct{ scheme, host, port string }

// Origins are pages that may call from elsewhere. The zero value allows none.
type Origins struct {
	any   bool
	exact map[origin]bool
	below []origin // their subdomains; host begins with a dot
}

// ParseOrigins reads exact origins (https://game.example.com), wildcards for all subdomains (https://*.example.com) and *,
// which allows every page.
func ParseOrigins(list []string) (o Origins, err error) {
	if len(list) > maxOrigins {
		return o, fmt.Errorf("%d origins, at most %d", len(list), maxOrigins)
	}
	o.exact = map[origin]bool{}
	for _, text := range list {
		if text == "*" {
			o.any = true
			continue
		}
		scheme, rest, _ := strings.Cut(text, "://")
		rest, wild := strings.CutPrefix(rest, "*.")
		one, ok := parseOrigin(scheme + "://" + rest)
		switch {
		case !ok:
			return Origins{}, fmt.Errorf("%q is no origin: want scheme://host[:port] without a path, https://*.example.com, or *", text)
		case !wild:
			o.exact[one] = true
		case !strings.Contains(one.host, ".") || one.host[0] == '[':
			return Origins{}, fmt.Errorf("%q: a wildcard stands for the subdomains of a name with a dot", text)
		default:
			one.host = "." + one.host
			o.below = append(o.below, one)
		}
	}
	return o, nil
}

// allow says whether a page of that origin may call.
func (o *Origins) allow(from origin) bool {
	if o.exact[from] {
		return true
	}
	for _, w := range o.below {
		if from.scheme == w.scheme && from.port == w.port && len(from.host) > len(w.host) && strings.HasSuffix(from.host, w.host) {
			return true
		}
	}
	return false
}

// OriginAllowed decides for calls and sockets alike whether a page of that origin may reach this node: those of
// Config.Origins, the node's own, and in open mode those on this machine. It has the signature that sockets want.
func (e *Edge) OriginAllowed(r *http.Request, text string) bool {
	if e.originAllowed(r, text) {
		return true
	}
	e.cfg.Refused(ReasonOrigin)
	return false
}

func (e *Edge) originAllowed(r *http.Request, text string) bool {
	if e.cfg.Origins.any {
		return true
	}
	from, ok := parseOrigin(text)
	if !ok || len(r.Header["Origin"]) > 1 { // no browser sends two, and somebody else may look at the other one
		return false
	}
	if e.cfg.Origins.allow(from) {
		return true
	}
	c := fromContext(r.Context())
	for _, own := range []string{c.host, e.cfg.Advertise} {
		if host, port, ok := splitHost(own); ok && host == from.host && trimPort(from.scheme, port) == from.port {
			return true
		}
	}
	return c.open && loopback(from.host)
}

// parseOrigin reads what browsers send: scheme://host[:port]. "null" is the origin of everybody who hides theirs.
func parseOrigin(s string) (o origin, ok bool) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || len(s) > maxOriginBytes || !schemeName(scheme) {
		return o, false
	}
	host, port, ok := splitHost(rest)
	if !ok {
		return o, false
	}
	scheme = strings.ToLower(scheme)
	return origin{scheme: scheme, host: host, port: trimPort(scheme, port)}, true
}

func schemeName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// splitHost reads host[:port]; the host comes back in lower case, an IPv6 address with its brackets.
func splitHost(s string) (host, port string, ok bool) {
	host = s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || port[0] < '1' || port[0] > '9' {
			return "", "", false
		}
	}
	if inner, v6 := strings.CutPrefix(host, "["); v6 {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(host, "]") {
			return "", "", false
		}
		return "[" + ip.String() + "]", port, true
	}
	return strings.ToLower(host), port, hostName(host)
}

// hostName reports whether s could be a name or an IPv4 address.
func hostName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && s[0] != '.' && !strings.Contains(s, "..")
}

func trimPort(scheme, port string) string {
	if port == "80" && (scheme == "http" || scheme == "ws") || port == "443" && (scheme == "https" || scheme == "wss") {
		return ""
	}
	return port
}

// loopback reports whether the host of an origin is this machine itself.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// localName reports whether a Host cannot be a name that somebody else has made to point at this machine: localhost, an
// address (what is rebound is a name), or nothing, which no browser sends.
func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
