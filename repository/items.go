package repository

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The lists of connection items that Tigase keeps: those that the server uses
// itself, and those for processes that are components of it.
const (
	ServerItems    = "server-default-items-list"
	ComponentItems = "component-default-items-list"
)

// itemsUser owns the lists of connection items.
const itemsUser = "ext-comp-manager"

// ConnectionItem is one of Tigase's external components, as stored.
type ConnectionItem struct {
	Domain, Password string
	Connect          bool // type connect; anything else means accept
	Port             int  // 0: none, nothing connects
	Remote           string
	Protocol, Socket string
}

// ConnectionItems reads a list of connection items. found is false when there
// is none, which is not the same as an empty one.
func ConnectionItems(ctx context.Context, users UserRepository, list string) (items []ConnectionItem, found bool, err error) {
	text, err := users.Data(ctx, itemsUser, "", list)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err == nil {
		items, err = parseItems(text)
	}
	if err != nil {
		return nil, false, fmt.Errorf("connection items %s: %w", list, err)
	}
	return items, true, nil
}

// defaultPort is Tigase's for a port that is no number.
const defaultPort = 5277

// parseItems reads <item …/> elements that follow one another without a
// wrapper. Values are taken as they are: Tigase writes them without escaping,
// and reads them without decoding.
func parseItems(text string) (items []ConnectionItem, err error) {
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		switch {
		case text == "":
			return items, nil
		case strings.HasPrefix(text, "<?"), strings.HasPrefix(text, "</"):
			_, rest, ok := strings.Cut(text, ">")
			if !ok {
				return nil, errors.New("the text ends within a tag")
			}
			text = rest
			continue
		}
		attributes, rest, err := parseItem(text)
		if err != nil {
			return nil, err
		}
		text = rest
		items = append(items, item(attributes))
	}
}

func item(a map[string]string) ConnectionItem {
	it := ConnectionItem{Domain: a["domain"], Password: a["pass"], Connect: a["type"] == "connect", Remote: a["remote"], Protocol: a["proto-xmlns"], Socket: a["socket"]}
	if port, ok := a["port"]; ok {
		var err error
		if it.Port, err = strconv.Atoi(port); err != nil {
			it.Port = defaultPort
		}
	}
	return it
}

// parseItem reads one tag and returns what follows.
func parseItem(text string) (attributes map[string]string, rest string, err error) {
	text, ok := strings.CutPrefix(text, "<item")
	if !ok || text != "" && !strings.ContainsAny(text[:1], " \t\r\n/>") {
		return nil, "", errors.New("something else than <item …/>")
	}
	attributes = map[string]string{}
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if rest, ok := strings.CutPrefix(text, "/>"); ok {
			return attributes, rest, nil
		}
		if rest, ok := strings.CutPrefix(text, ">"); ok {
			return attributes, rest, nil
		}
		name, after, ok := strings.Cut(text, "=")
		after = strings.TrimLeft(after, " \t\r\n")
		if !ok || after == "" || after[0] != '"' && after[0] != '\'' {
			return nil, "", errors.New("an <item> that does not end, or an attribute without quotes")
		}
		value, left, ok := strings.Cut(after[1:], after[:1])
		if !ok {
			return nil, "", errors.New("an attribute's quotes do not end")
		}
		attributes[strings.TrimSpace(name)] = value
		text = left
	}
}
