package beans

import (
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// foreignBeans are top-level beans of a Tigase server that this program has no
// part in. One file may serve both.
var foreignBeans = map[string]bool{
	"amp": true, "auth": true, "authRepository": true, "basic-conf": true, "bosh": true, "c2s": true,
	"certificate-container": true, "cl-caching-strat": true, "cl-comp": true, "cluster-contr": true,
	"dns-resolver": true, "eventbus": true, "ext-disco": true, "ext-man": true, "hardened-mode": true, "http": true,
	"httpServer": true, "logging": true, "message-archive": true, "message-router": true, "monitor": true,
	"monitoring": true, "muc": true, "mix": true, "proxy": true, "pubsub": true, "roster-presence": true, "rtbl": true,
	"s2s": true, "sess-man": true, "sms": true, "spam-filter": true, "stats": true, "stun": true, "test": true, "unified-archive": true,
	"upload": true, "vhost-man": true, "ws2s": true, "adhoc-repo": true, "scheduler": true,
}

// foreign reports whether a top-level bean is one of Tigase's own, or of its
// customers', that does not concern push.
func foreign(name string, b *tdsl.Block) bool {
	if b.HasClass {
		return strings.Contains(b.Class, ".") && !strings.HasPrefix(b.Class, "tigase.push.")
	}
	return foreignBeans[name]
}
