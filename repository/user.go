package repository

import (
	"context"
	"errors"
)

// ErrUserExists means that a user to be added is there already.
var ErrUserExists = errors.New("the user exists already")

// UserRepository is Tigase's user repository: texts by user, node and key, in
// tig_users, tig_nodes and tig_pairs. A node is a path of names separated by
// slashes, "" is the root. A key may have several values. Users are compared
// without regard to case; keys and nodes as the database does, MySQL without
// regard to case and accents: use lower-case ASCII.
//
// What is asked for and not there, be it the user, the node or the key, is
// [ErrNotFound]; any other error means that the database could not be asked.
type UserRepository interface {
	UserExists(ctx context.Context, user string) (bool, error)
	// AddUser adds a user without a password; [ErrUserExists].
	AddUser(ctx context.Context, user string) error
	// RemoveUser removes a user with all data; nothing happens without one.
	RemoveUser(ctx context.Context, user string) error

	// Data is the value of a key; the first of several.
	Data(ctx context.Context, user, node, key string) (string, error)
	// DataList is all values of a key in the order in which they were added.
	DataList(ctx context.Context, user, node, key string) ([]string, error)
	// DataMap is all keys of a node with their values; of several the last.
	DataMap(ctx context.Context, user, node string) (map[string]string, error)
	// Keys names the keys of a node, each once.
	Keys(ctx context.Context, user, node string) ([]string, error)
	// Subnodes names the nodes directly below a node.
	Subnodes(ctx context.Context, user, node string) ([]string, error)

	// SetData sets the one value of a key. The user and the node are created
	// where they are missing, as in all methods that add something.
	SetData(ctx context.Context, user, node, key, value string) error
	// SetDataMap replaces all keys of a node at once.
	SetDataMap(ctx context.Context, user, node string, data map[string]string) error
	// SetDataList replaces all values of a key.
	SetDataList(ctx context.Context, user, node, key string, values []string) error
	// AddDataList adds values to those that a key has.
	AddDataList(ctx context.Context, user, node, key string, values []string) error
	// RemoveData removes a key; nothing happens where it is missing.
	RemoveData(ctx context.Context, user, node, key string) error
	// RemoveSubnode removes a node with all below it; the root stays.
	RemoveSubnode(ctx context.Context, user, node string) error
}
