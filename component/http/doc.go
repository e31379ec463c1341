// Package http is the HTTP face of the push component: the endpoint where apps
// unregister a device without a login, and the management connector with health,
// metrics and the status page.
//
// It does not know XMPP's wire, SQL or TDSL, nor who pushes.
package http
