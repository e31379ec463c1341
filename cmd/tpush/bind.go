package main

import (
	"fmt"
	"slices"
	"strings"
)

// bind says which push component answers for which domain of the connection
// items: the one whose own 'domain' lists it, else the one whose name makes it
// together with a virtual host, else the only one there is.
func bind(domains []string, components []*pushBean) (map[string]*pushBean, error) {
	out := map[string]*pushBean{}
	for _, d := range domains {
		takers := matching(components, func(p *pushBean) bool {
			return slices.ContainsFunc(p.domain, func(own string) bool { return strings.EqualFold(own, d) })
		})
		if len(takers) == 0 {
			takers = matching(components, func(p *pushBean) bool {
				return slices.ContainsFunc(p.vhosts, func(v string) bool { return strings.EqualFold(p.name+"."+strings.TrimSpace(v), d) })
			})
		}
		if len(takers) == 0 && len(components) == 1 {
			takers = components
		}
		switch len(takers) {
		case 1:
			out[d] = takers[0]
		case 0:
			return nil, fmt.Errorf("no push component takes the domain %s (there are: %s): give one of them the property 'domain'", d, names(components))
		default:
			return nil, fmt.Errorf("the domain %s could be that of %s: give one of them the property 'domain'", d, names(takers))
		}
	}
	return out, nil
}

// firstDomain is the first of the domains that a component takes, empty when it
// takes none.
func firstDomain(p *pushBean, domains []string, components []*pushBean) string {
	for _, d := range domains {
		if bound, err := bind([]string{d}, components); err == nil && bound[d] == p {
			return d
		}
	}
	return ""
}

func matching(components []*pushBean, is func(*pushBean) bool) (out []*pushBean) {
	for _, p := range components {
		if is(p) {
			out = append(out, p)
		}
	}
	return out
}

func names(components []*pushBean) string {
	if len(components) == 0 {
		return "none; write push () { … }"
	}
	var out []string
	for _, p := range components {
		out = append(out, "'"+p.name+"'")
	}
	return strings.Join(out, ", ")
}
