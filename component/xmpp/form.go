package xmpp

import (
	"encoding/xml"
	"strings"

	"mellium.im/xmpp/form"
)

// Form is a data form (XEP-0004). It is read tolerantly: what counts is each
// field's var and values; types, labels, options and unknown children are
// passed over, as clients send whole forms back in old shapes. mellium's own
// form.Data refuses such forms and cannot write one of type result, so only its
// type names are used.
type Form struct {
	XMLName      xml.Name  `xml:"jabber:x:data x"`
	Type         form.Type `xml:"type,attr,omitempty"`
	Title        string    `xml:"title,omitempty"`
	Instructions string    `xml:"instructions,omitempty"`
	Fields       []Field   `xml:"field"`
}

// Field is one field of a form.
type Field struct {
	Var      string         `xml:"var,attr,omitempty"`
	Type     form.FieldType `xml:"type,attr,omitempty"`
	Label    string         `xml:"label,attr,omitempty"`
	Required *struct{}      `xml:"required"`
	Values   []string       `xml:"value"`
	Options  []FieldOption  `xml:"option"`
}

// FieldOption is one choice of a list field.
type FieldOption struct {
	Label string `xml:"label,attr,omitempty"`
	Value string `xml:"value"`
}

// Value returns the first value of the named field without the white space
// around it; empty when there is none.
func (f *Form) Value(name string) string {
	for i := range f.Fields {
		if f.Fields[i].Var == name && len(f.Fields[i].Values) > 0 {
			return strings.TrimSpace(f.Fields[i].Values[0])
		}
	}
	return ""
}

// Text returns the lines of the first of the named fields that has a value,
// joined: a client sends one value for each line, or one with line breaks.
func (f *Form) Text(names ...string) string {
	for _, name := range names {
		for i := range f.Fields {
			if f.Fields[i].Var == name && len(f.Fields[i].Values) > 0 {
				return strings.Join(f.Fields[i].Values, "\n")
			}
		}
	}
	return ""
}

// LinesField returns a text-multi field.
func LinesField(name, label string, lines []string) Field {
	return Field{Var: name, Type: form.TypeTextMulti, Label: label, Values: lines}
}

// TextField returns a text-single field: the one shape that every client reads.
func TextField(name string, value string) Field {
	return Field{Var: name, Type: form.TypeText, Values: []string{value}}
}
