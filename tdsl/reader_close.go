package tdsl

import (
	"fmt"
	"strings"
)

// value is what has been read since the last separator: a finished value, else
// the bare text.
func (r *reader) value(f *frame) (Value, *Error) {
	if f.val != nil {
		return f.val, nil
	}
	return r.scalar(f, f.bare())
}

// scalar reads bare text.
func (r *reader) scalar(f *frame, text string) (*Scalar, *Error) {
	pos := f.bufPos
	if pos.Line == 0 {
		pos = f.pos
	}
	v, err := scalar(text)
	if err != nil {
		e := crash(f, "java.lang.NumberFormatException", "the number "+abbreviate(trim(text))+" is out of range", "an int holds -2147483648 to 2147483647; a number with L behind it holds 64 bits; what is no number to calculate with, such as an id, stands in quotes")
		e.failure.message = fmt.Sprintf("For input string: %q", strings.TrimRight(trim(text), "lL"))
		e.Pos = pos
		return nil, e
	}
	return &Scalar{V: v, pos: pos}, nil
}

// separator is a line end or a comma, which are the same.
func (r *reader) separator(f *frame) *Error {
	if f.kind != inEnv && f.kind != inProp {
		if err := r.finish(f); err != nil {
			return err
		}
	}
	var err *Error
	switch f.kind {
	case inMap:
		err = r.store(f)
	case inList:
		err = r.item(f)
	case inBean:
		err = r.attribute(f)
	default:
		err = r.variableName(f)
	}
	f.key, f.hasKey, f.keyPos, f.val = "", false, Pos{}, nil
	f.clear()
	return err
}

// store puts an entry into its map.
func (r *reader) store(f *frame) *Error {
	if !f.hasKey || f.key == "" {
		r.lost(f)
		return nil
	}
	v, err := r.value(f)
	if err != nil {
		return err
	}
	if f.val != nil && !f.blank && !isBlock(f.val) && !isVariable(f) {
		r.warn(f.bufPos, fmt.Sprintf("'%s' is lost: it stands beside another value", abbreviate(f.bare())), "put the whole value in quotes")
	}
	if e := f.block.entry(f.key); e != nil {
		r.warn(e.Pos, fmt.Sprintf("'%s' is lost: it is given again in line %d", f.key, f.keyPos.Line), "blocks of one name are not merged: the last one counts")
		*e = Entry{f.key, v, f.keyPos}
		return nil
	}
	f.block.add(Entry{f.key, v, f.keyPos})
	return nil
}

// indexed is the number of entries from which on a block has an index: without
// one, a block of a million entries takes hours.
const indexed = 32

func (b *Block) add(e Entry) {
	b.Entries = append(b.Entries, e)
	switch n := len(b.Entries); {
	case n == indexed:
		b.index = make(map[string]int, 2*n)
		for i := range b.Entries {
			b.index[b.Entries[i].Key] = i
		}
	case n > indexed:
		b.index[e.Key] = n - 1
	}
}

// isVariable reports whether the value is a variable and the bare text its
// function's name.
func isVariable(f *frame) bool {
	v, ok := f.val.(*Variable)
	return ok && f.bare() == v.function()
}

func isBlock(v Value) bool { _, ok := v.(*Block); return ok }

// entry finds an entry of a block.
func (b *Block) entry(key string) *Entry {
	if b.index != nil {
		if i, ok := b.index[key]; ok {
			return &b.Entries[i]
		}
		return nil
	}
	for i := range b.Entries {
		if b.Entries[i].Key == key {
			return &b.Entries[i]
		}
	}
	return nil
}

// item appends to a list; an empty place is none.
func (r *reader) item(f *frame) *Error {
	if f.hasKey && f.key != "" && !isBlock(f.val) {
		r.warn(f.keyPos, fmt.Sprintf("'%s' is lost: a list has no keys", f.key), "put the whole item in quotes")
	}
	if f.val == nil && f.blank {
		return nil
	}
	v, err := r.value(f)
	if err == nil {
		f.list.Items = append(f.list.Items, v)
	}
	return err
}

// attribute sets one of a bean's attributes.
func (r *reader) attribute(f *frame) *Error {
	v, err := r.value(f)
	if err != nil {
		return err
	}
	if !f.hasKey || f.key == "" {
		if f.val != nil || !f.blank {
			r.warn(f.pos, "what stands here in the parentheses is lost: it has no key", "write (class: NAME)")
		}
		return nil
	}
	s, _ := v.(*Scalar)
	switch f.key {
	case "class":
		if s == nil || s.V != nil && !is[string](s.V) {
			return crash(f, "java.lang.ClassCastException", "the class of a bean is a name", "put it in quotes")
		}
		f.block.Class, f.block.HasClass = "", s.V != nil
		if f.block.HasClass {
			f.block.Class = s.V.(string)
		}
	case "active", "exportable":
		if s != nil && s.V == nil {
			return crash(f, "java.lang.NullPointerException", f.key+" is true or false", "")
		}
		if s == nil || !is[bool](s.V) {
			return crash(f, "java.lang.ClassCastException", f.key+" is true or false, without quotes", "")
		}
		if f.key == "active" {
			f.block.Active = s.V.(bool)
		} else {
			f.block.Exportable = s.V.(bool)
		}
	default:
		e := crash(f, "java.lang.RuntimeException", fmt.Sprintf("a bean has no attribute '%s'", f.key), "there are class, active and exportable")
		e.failure.message = "Error in configuration file - unknown bean definition field: " + f.key
		return e
	}
	return nil
}

// variableName takes a string as the variable's name; each separator does.
func (r *reader) variableName(f *frame) *Error {
	if f.val == nil {
		return crash(f, "java.lang.NullPointerException", "the name of a variable stands in quotes, on the line of its parenthesis", "write "+f.vari.function()+"('NAME')")
	}
	f.vari.Name, f.named = trim(javaText(f.val)), true
	return nil
}

// closeList ends a list.
func (r *reader) closeList(f *frame, root bool) (Value, *Error) {
	if err := r.finish(f); err != nil {
		return nil, err
	}
	if f.kind == inList {
		return f.list, r.item(f)
	}
	if root || f.val != nil || !f.blank {
		if _, err := r.value(f); err != nil {
			return nil, err
		}
		return nil, crash(f, "java.lang.NullPointerException", "nothing is open that this bracket could close", "")
	}
	r.warn(f.pos, "this bracket closes what another kind of bracket has opened", "")
	return nil, nil
}

// closeParenthesis ends a variable or a bean's attributes.
func (r *reader) closeParenthesis(f *frame, root bool) (Value, *Error) {
	switch {
	case root:
		return nil, crash(f, "java.lang.NullPointerException", "nothing is open that this parenthesis could close", "")
	case f.kind == inBean:
		if f.expr != nil {
			r.warn(f.expr.pos, "the calculation is lost but for its last operand", "attributes are not calculated")
		}
		return f.block, r.attribute(f)
	case f.kind == inEnv || f.kind == inProp:
		if f.val == nil {
			return nil, crash(f, "java.lang.NullPointerException", "the name and the default of a variable stand in quotes", "write "+f.vari.function()+"('NAME', 'DEFAULT')")
		}
		text := trim(javaText(f.val))
		if f.named {
			f.vari.Default = &text
		} else {
			f.vari.Name = text
		}
		return f.vari, nil
	}
	r.pending(f, ")")
	r.warn(f.pos, "this parenthesis closes what another kind of bracket has opened", "")
	return nil, nil
}

// function is the word in front of a variable's parenthesis.
func (v *Variable) function() string {
	if v.Prop {
		return "prop"
	}
	return "env"
}

// end is the end of the file. A calculation that a line end does not finish is
// lost but for its last operand.
func (r *reader) end(f *frame, root bool) *Error {
	if !root {
		return unfinished(f.pos, string(f.kind), fmt.Sprintf("the file ends inside %s", opened[f.kind]), fmt.Sprintf("close what begins in line %d", f.begin().Line))
	}
	if f.expr != nil {
		r.warn(f.expr.pos, "the calculation is lost but for its last operand", "end the file with a line end")
	}
	if !f.hasKey || f.key == "" {
		r.lost(f)
		return nil
	}
	err := r.store(f)
	if err != nil {
		// Tigase has read the last character when it notices.
		err.failure.eof = true
		if err.Pos == err.failure.at {
			err.Pos.Col--
		}
		err.failure.at.Col--
	}
	return err
}

// begin is where what the frame reads begins.
func (f *frame) begin() Pos {
	switch {
	case f.list != nil:
		return f.list.pos
	case f.vari != nil:
		return f.vari.pos
	}
	return f.block.At
}

var opened = map[kind]string{inMap: "braces", inList: "a list", inBean: "the parentheses of a bean", inEnv: "env( )", inProp: "prop( )"}
