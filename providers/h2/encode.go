package h2

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxBlocks is how many blocks a connection remembers: each app, kind of push and
// priority has its own.
const maxBlocks = 8

// block is what the fields that most requests share look like on the wire.
type block struct {
	fields []Field
	bytes  []byte
}

// encode makes the block of a request's headers. The path comes first: it holds a
// device's token and goes into no table, and what follows is the same for most.
// c.mu is held.
func (c *conn) encode(k *call) error {
	known := slices.IndexFunc(c.blocks, func(b block) bool { return slices.Equal(b.fields, k.common) })
	if !httpguts.ValidHeaderFieldValue(k.path) || !valid(k.varying) || known < 0 && !valid(k.common) {
		return errBadHeader
	}
	c.block.Reset()
	c.field(Field{Name: ":path", Value: k.path, Sensitive: true})
	if known >= 0 {
		c.block.Write(c.blocks[known].bytes)
	} else {
		c.encodeCommon(k.common)
	}
	for _, f := range k.varying {
		c.field(f)
	}
	if len(k.body) > 0 {
		c.field(Field{Name: "content-length", Value: strconv.Itoa(len(k.body)), Sensitive: true})
	}
	return nil
}

// encodeCommon encodes fields, and remembers what they look like when all were in
// the table, a byte each. What was not has changed the table, and with it where
// the others are.
func (c *conn) encodeCommon(fields []Field) {
	before := c.block.Len()
	for _, f := range fields {
		c.field(f)
	}
	b := c.block.Bytes()[before:]
	if len(b) > len(fields) {
		c.blocks = c.blocks[:0]
		return
	}
	if len(c.blocks) == maxBlocks {
		c.blocks = slices.Delete(c.blocks, 0, 1)
	}
	c.blocks = append(c.blocks, block{slices.Clone(fields), slices.Clone(b)})
}

func (c *conn) field(f Field) {
	// Writing into memory does not fail.
	_ = c.encoder.WriteField(f)
}

// valid reports whether the values may be on the wire: a server may end the
// connection for others (RFC 9113 section 8.2.1).
func valid(fields []Field) bool {
	return !slices.ContainsFunc(fields, func(f Field) bool {
		return !httpguts.ValidHeaderFieldValue(f.Value) || strings.Trim(f.Value, " \t") != f.Value
	})
}
