package main

import (
	"context"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
	"github.com/tpush/tpush/repository"
)

// itemsConfig is what the repository bean of ext reads.
type itemsConfig struct {
	// Group is the key that the list of connection items has in the database,
	// instead of the one that Tigase's role of the process has.
	Group string `tdsl:"external-components-group"`
}

// itemLists are the lists of connection items in the database, in the order in
// which they count: those for components, then the server's own.
func itemLists(c *beans.Context, cfg ext.Config) ([]ext.List, error) {
	store, err := beans.Named[store](c, "userRepository/"+defaultStore)
	if err != nil {
		return nil, err
	}
	groups, err := beans.All[itemsConfig](c)
	if err != nil {
		return nil, err
	}
	component, server := repository.ComponentItems, repository.ServerItems
	for _, g := range groups {
		switch {
		case g.Group == "":
		case cfg.ConfigType == "component":
			component = g.Group
		default:
			server = g.Group
		}
	}
	return []ext.List{itemList(store, component, false), itemList(store, server, true)}, nil
}

func itemList(s store, key string, server bool) ext.List {
	return ext.List{Name: key + " in the database", Server: server, Read: func(ctx context.Context) ([]ext.Item, bool, error) {
		stored, found, err := repository.ConnectionItems(ctx, s.users, key)
		var out []ext.Item
		for _, it := range stored {
			item := ext.Item{Domain: it.Domain, Password: it.Password, Type: "accept", Port: it.Port, Host: it.Remote, Protocol: it.Protocol, Socket: it.Socket}
			if it.Connect {
				item.Type = "connect"
			}
			out = append(out, item)
		}
		return out, found, err
	}}
}
