package main

import (
	"encoding/json"
	"net/http"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
)

// pathConnections is where the running program tells of its connections to XMPP
// servers.
const pathConnections = "/connections"

// withConnections adds the connections to what the running program tells.
func withConnections(h http.Handler, g *beans.Graph) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET "+pathConnections, func(w http.ResponseWriter, _ *http.Request) {
		all := []ext.Connection{}
		for _, e := range beans.Built[*ext.Ext](g) {
			all = append(all, e.Connections()...)
		}
		w.Header().Set("Content-Type", "application/json")
		// A reader that is gone needs no answer.
		_ = json.NewEncoder(w).Encode(all)
	})
	return mux
}
