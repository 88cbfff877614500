package edge

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops is how many entries of X-Forwarded-For are looked at. Nobody has that many proxies of their own.
const maxHops = 32

// forwardingHeaders are what proxies leave behind; one of them is enough to know that the request did not begin at its sender.
var forwardingHeaders = []string{
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip",
}

// A client is where a request comes from.
type client struct {
	ip     netip.Addr // who sent it, as far as it is known
	scheme string     // what the client speaks: http or https
	host   string     // whom the client asked
	open   bool       // nobody but a program on this machine can have sent it
	exempt bool       // it is not limited: it comes from this machine and not through a proxy
}

type clientKey struct{}

func withClient(ctx context.Context, c client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

func fromContext(ctx context.Context) client {
	c, _ := ctx.Value(clientKey{}).(client)
	return c
}

// ClientIP is the address of the client behind the proxies that are trusted; the zero Addr if it is not known, and outside of
// Wrap.
func ClientIP(ctx context.Context) netip.Addr { return fromContext(ctx).ip }

// Holder is who stands behind ClientIP, as far as limits go: an IPv4 address, or the /64 that one IPv6 customer has.
func Holder(ctx context.Context) netip.Addr { return holder(fromContext(ctx).ip) }

// Scheme is what the client speaks, http or https.
func Scheme(ctx context.Context) string { return fromContext(ctx).scheme }

// Host is the host[:port] that the client asked.
func Host(ctx context.Context) string { return fromContext(ctx).host }

// Open reports whether nobody but a program on this machine, which the node was told to trust, can have sent the request.
func Open(ctx context.Context) bool { return fromContext(ctx).open }

// ParseProxies reads addresses and CIDR blocks.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			ip, ipErr := netip.ParseAddr(text)
			if ipErr != nil {
				return nil, err
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// resolve finds out where r comes from. What headers say is believed when a trusted proxy has sent it.
func (e *Edge) resolve(r *http.Request) client {
	c := client{scheme: "http", host: r.Host}
	if r.TLS != nil {
		c.scheme = "https"
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.ip = ap.Addr().Unmap().WithZone("")
	}
	forwarded := slices.ContainsFunc(forwardingHeaders, func(h string) bool { return len(r.Header[h]) > 0 })
	if !e.trusted(c.ip) {
		c.open = e.cfg.Open && !forwarded
		c.exempt = c.ip.IsLoopback() && !forwarded
		if forwarded && (c.ip.IsLoopback() || c.ip.IsPrivate()) {
			e.warnProxy(c.ip)
		}
		return c
	}
	c.ip = e.rightmost(c.ip, r.Header["X-Forwarded-For"])
	if proto := last(r.Header["X-Forwarded-Proto"]); proto == "https" || proto == "http" {
		c.scheme = proto
	}
	if host := last(r.Header["X-Forwarded-Host"]); host != "" && len(host) <= maxOriginBytes {
		if _, _, ok := splitHost(host); ok {
			c.host = host
		}
	}
	return c
}

// warnProxy says once what makes all players look like one.
func (e *Edge) warnProxy(peer netip.Addr) {
	if !e.warned.Swap(true) {
		e.cfg.Log.Warn().Stringer("proxy", peer).Msg("requests come through a proxy that -trusted-proxies does not name: all its clients are limited as one")
	}
}

func (e *Edge) trusted(ip netip.Addr) bool {
	return slices.ContainsFunc(e.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// rightmost walks from the proxy at our door towards the client, as long as the one that says who was before it is trusted:
// what stands further left was written by somebody who may lie.
func (e *Edge) rightmost(peer netip.Addr, lines []string) netip.Addr {
	ip, hops := peer, 0
	for _, line := range slices.Backward(lines) {
		for more := true; more; hops++ {
			i := strings.LastIndexByte(line, ',')
			next, ok := parseHop(line[i+1:])
			if !ok || hops >= maxHops {
				return ip
			}
			if ip = next; !e.trusted(ip) {
				return ip
			}
			if more = i >= 0; more {
				line = line[:i]
			}
		}
	}
	return ip
}

// parseHop reads an entry of X-Forwarded-For: an address, which some proxies write with a port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		ip = ap.Addr()
	}
	return ip.Unmap().WithZone(""), true
}

// last is the last element of a list in header lines: what the proxy at our door said.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.ToLower(strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
}
