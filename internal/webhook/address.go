package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// checkURL refuses what could never be sent to. A name is resolved, so that a mistake is told to the person who makes it;
// what protects the network is the look at each connection (guard).
func (r *Room) checkURL(ctx context.Context, text string) error {
	if strings.TrimSpace(text) == "" {
		return fault.New(fault.Invalid, "Webhook URL cannot be empty or just whitespace: '%s'", text)
	}
	if err := checkLength("url", text, maxURL); err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil {
		return fault.New(fault.Invalid, "Invalid webhook URL '%s'", text) // the cause repeats the text
	}
	if err := r.checkScheme(u); err != nil {
		return err
	}
	if u.Hostname() == "" {
		return fault.New(fault.Invalid, "Webhook URL must include a hostname: '%s'", text)
	}
	if r.cfg.AllowPrivate {
		return nil
	}
	return checkHost(ctx, u.Hostname())
}

func (r *Room) checkScheme(u *url.URL) error {
	allowed := []string{"https"}
	if r.cfg.AllowPrivate {
		allowed = []string{"http", "https"}
	}
	for _, s := range allowed {
		if u.Scheme == s {
			return nil
		}
	}
	return fault.New(fault.Invalid, "Invalid webhook URL scheme: '%s'. Allowed schemes are: %s.", u.Scheme, strings.Join(allowed, ", "))
}

func checkHost(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fault.New(fault.Invalid, "Cannot resolve Webhook URL hostname '%s': %w", host, err)
	}
	for _, a := range addrs {
		if !Public(a) {
			return fault.New(fault.Invalid, "Webhook URL must not resolve to a non-public IP address. '%s' resolves to %s.", host, a.Unmap()).
				WithHint("paraplu up --allow-private-webhooks, if the receiver is in your own network")
		}
	}
	return nil
}

// reserved are the ranges beyond those that package netip names which are no addresses of the public internet (IANA
// registries of special-purpose addresses).
var reserved = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10")

// embedded are the ranges of IPv6 that stand for an address of IPv4, with the byte where that begins.
var embedded = map[netip.Prefix]int{netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// Public tells whether an address belongs to the public internet: not to this machine, its link, a private or reserved
// network, nor to one of those in the dress of IPv6 (IPv4-mapped, NAT64, 6to4).
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for p, at := range embedded {
		if p.Contains(a) {
			b := a.As16()
			return Public(netip.AddrFrom4([4]byte(b[at : at+4])))
		}
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// errPrivate says that a connection would have gone to an address that is not public.
var errPrivate = errors.New("the address is not public, and this server does not send webhooks into private networks")

// guard looks at the address of a connection in the moment when it is made: no name is resolved after it.
func guard(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !Public(ap.Addr()) {
		return errPrivate
	}
	return nil
}

// newClient sends without proxy (it would be the one whose address is looked at), without redirects and without connections
// that stay open.
func newClient(cfg Config) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1}
	if !cfg.AllowPrivate {
		dialer.Control = guard
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxAnswer,
		},
	}
}
