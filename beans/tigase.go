package beans

import (
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// foreignBeans are beans of a Tigase server, by path, that this program has no
// part in. One file may serve both.
var foreignBeans = map[string]bool{
	"amp": true, "auth": true, "authRepository": true, "basic-conf": true, "bosh": true, "c2s": true,
	"cl-caching-strat": true, "cl-comp": true, "cluster-contr": true,
	"dns-resolver": true, "eventbus": true, "ext-disco": true, "ext-man": true, "hardened-mode": true,
	"logging": true, "message-archive": true, "message-router": true, "monitor": true,
	"monitoring": true, "muc": true, "mix": true, "proxy": true, "pubsub": true, "roster-presence": true, "rtbl": true,
	"s2s": true, "sess-man": true, "sms": true, "spam-filter": true, "stats": true, "stun": true, "test": true, "unified-archive": true,
	"upload": true, "vhost-man": true, "ws2s": true, "adhoc-repo": true, "scheduler": true,
	// Modules of the HTTP component.
	"http/admin": true, "http/dashboard": true, "http/dns-webservice": true, "http/index": true, "http/server": true,
	"http/setup": true, "http/ui": true, "http/upload": true, "http/user-status-endpoint": true, "http/well-known": true,
}

// foreign reports whether a bean is one of Tigase's own, or at the top level of
// its customers', that does not concern push.
func foreign(b *Bean, block *tdsl.Block) bool {
	if block.HasClass && b.parent.class == nil {
		return strings.Contains(block.Class, ".") && !strings.HasPrefix(block.Class, "tigase.push.")
	}
	return foreignBeans[b.Path()]
}
