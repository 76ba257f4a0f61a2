package wsgate

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// splitPattern splits an http.ServeMux pattern. below is the part after the first slash.
func splitPattern(pattern string) (method, host, below string) {
	location := pattern
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		method, location = pattern[:i], strings.TrimLeft(pattern[i:], " \t")
	}
	host, below, _ = strings.Cut(location, "/")
	return method, host, below
}

// unreachable reports whether no request matches a pattern that http.ServeMux accepts. The mux compares methods and
// hosts as they are sent, hosts without the port, and clean paths.
func unreachable(pattern string) bool {
	method, host, below := splitPattern(pattern)
	clean := path.Clean("/" + below)
	return method != strings.ToUpper(method) ||
		host != "" && (host != strings.ToLower(host) || strings.ContainsAny(host, "*:") || !isHostName(host) && !isAddress(host)) ||
		strings.ContainsAny(below, "?#") || clean != "/"+below && clean+"/" != "/"+below
}

// checkPattern returns a mistake for a pattern whose host is not in Options.Hosts.
func (names hostNames) checkPattern(what, pattern, where string) error {
	_, host, _ := splitPattern(pattern)
	if host == "" || len(names) == 0 || names.allow(host) {
		return nil
	}
	return &mistake.Mistake{
		What: what, Where: where, Have: fmt.Sprintf("host %q, for which Options.Hosts has every request refused", host),
		Fix: "add it to Options.Hosts",
	}
}

// patterns are those that a mux serves, with where each was registered. The zero value has none.
type patterns struct {
	mux *http.ServeMux // calls none of them, but tells which would be called
	all []*registered
}

// registered is a pattern, and its handler in the mux of patterns.
type registered struct {
	http.Handler
	pattern, where string
	gateway        bool // and not what App.Handle has mounted
}

// clone returns patterns to which others can be added without changing p.
func (p *patterns) clone() patterns {
	var c patterns
	for _, entry := range p.all {
		c.add(entry)
	}
	return c
}

// add adds a pattern, or returns why it cannot be added, and with what it conflicts if it does.
func (p *patterns) add(own *registered) (other *registered, reason string) {
	if p.mux == nil {
		p.mux = http.NewServeMux()
	}
	reason = tryHandle(p.mux, own.pattern, own)
	if reason == "" {
		p.all = append(p.all, own)
		return nil, ""
	}
	for _, other := range p.all {
		if strings.Contains(reason, fmt.Sprintf("conflicts with pattern %q:", other.pattern)) {
			return other, strings.TrimSpace(reason[strings.LastIndexByte(reason, '\n')+1:])
		}
	}
	return nil, reason
}

// conflict is the mistake of something that was registered later.
func (r *registered) conflict(what, where, reason string) error {
	kind := "pattern"
	if r.gateway {
		kind = "route"
	}
	return &mistake.Mistake{
		What: fmt.Sprintf("%s conflicts with %s %q", what, kind, r.pattern), Where: where,
		Have: fmt.Sprintf("%q at %s: %s", r.pattern, r.where, reason),
		Fix:  "change one of them so that one is more specific than the other, or they have no path in common",
	}
}

// gateways returns those of gateways.
func (p *patterns) gateways() (all []*registered) {
	for _, entry := range p.all {
		if entry.gateway {
			all = append(all, entry)
		}
	}
	return all
}

// upgraded returns who gets an upgrade on a host for the gateway: one whose path nothing but the gateway's wildcards
// match, as what matches others has been given to others on purpose.
func (p *patterns) upgraded(gateway *registered, host string) *registered {
	_, _, below := splitPattern(gateway.pattern)
	location := "/" + strings.TrimSuffix(below, "{$}")
	if strings.HasSuffix(location, "/") && location == "/"+below {
		location += "{}"
	}
	// The wildcard itself stands for what it matches: no pattern has braces there but as a wildcard.
	u, err := url.Parse(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(location))
	if err != nil {
		return nil
	}
	found, _ := p.mux.Handler(&http.Request{Method: http.MethodGet, Host: host, URL: u})
	entry, _ := found.(*registered)
	return entry
}
