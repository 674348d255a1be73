package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A decoder writes a YAML tree into a struct. The library's own decoder stops at
// the first mistake of a kind and quotes the source in its errors; this one goes
// on to the end and quotes nothing.
type decoder struct {
	root  reflect.Type // what the whole text is read into
	at    string       // the path of root
	found *mistakes
}

// decode reads a text into the struct that target points to, which keeps what the
// text leaves out, or behind the entries of a list. The path is where in the
// configuration that belongs.
func decode(text []byte, target any, path string, found *mistakes) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		found.told[path] = true
		found.at(syntaxMistake(err))
		return
	}
	into := reflect.ValueOf(target).Elem()
	d := &decoder{root: into.Type(), at: path, found: found}
	documents := 0
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if documents++; documents > 1 {
			found.at(lineOf(document.Body), "a second document begins here; join the two and remove the line ---")
			continue
		}
		d.value(document.Body, into, path)
	}
}

// syntaxMistake says where the text stops being YAML, and why, as far as the
// reason is free of source text.
func syntaxMistake(err error) (line int, text string) {
	text = "not valid YAML; look for a missing space after a colon, wrong indentation or an open quote or bracket"
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return 0, text
	}
	if syntax.Token != nil && syntax.Token.Position != nil {
		line = syntax.Token.Position.Line
	}
	// The parser quotes source text in double quotes, and nothing else in those.
	if reason := syntax.Message; reason != "" && !strings.Contains(reason, `"`) {
		text += " (" + reason + ")"
	}
	return line, text
}

// value writes a node into a value of any kind a configuration has.
func (d *decoder) value(node ast.Node, into reflect.Value, path string) {
	if into.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(node, into, path)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.section(node, into, path)
	case reflect.Map:
		d.table(node, into, path)
	case reflect.Slice:
		d.list(node, into, path)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(node, into.Elem(), path)
	case reflect.Int, reflect.Int64:
		d.number(node, into, path)
	case reflect.Bool:
		d.flag(node, into, path)
	case reflect.String:
		d.text(node, into, path)
	default:
		panic("config: no rule to read " + into.Type().String())
	}
}

// section reads keys with a meaning each. One without a value keeps its defaults,
// as one whose keys are all commented out should.
func (d *decoder) section(node ast.Node, into reflect.Value, path string) {
	d.pairs(node, path, func(key string, line int, value ast.Node) {
		field, known := fieldOf(into.Type(), key)
		if !known {
			d.found.at(line, d.unknownKey(into.Type(), path, key))
			return
		}
		if d.first(join(path, key), line) {
			d.value(value, into.FieldByIndex(field.Index), join(path, key))
		}
	})
}

// table reads names the operator chose, each with a text.
func (d *decoder) table(node ast.Node, into reflect.Value, path string) {
	d.pairs(node, path, func(key string, line int, value ast.Node) {
		at := entry(path, key)
		if !d.first(at, line) {
			return
		}
		text := reflect.New(into.Type().Elem()).Elem()
		d.value(value, text, at)
		if into.IsNil() {
			into.Set(reflect.MakeMap(into.Type()))
		}
		into.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), text)
	})
}

func (d *decoder) list(node ast.Node, into reflect.Value, path string) {
	if isNull(node) {
		return
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.found.add(path, "want a list; begin each entry with a dash and a space")
		return
	}
	for _, item := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, into.Len())
		d.found.note(at, lineOf(item))
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(item, element, at)
		into.Set(reflect.Append(into, element))
	}
}

// pairs calls do for each key of a mapping.
func (d *decoder) pairs(node ast.Node, path string, do func(key string, line int, value ast.Node)) {
	var pairs []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = append(pairs, node)
	default:
		if !isNull(node) {
			d.found.add(path, "want keys, each with a colon, a space and its value")
		}
	}
	for _, pair := range pairs {
		key := pair.Key.GetToken()
		if pair.Start == nil || pair.Start.Value != ":" { // {a, b} rather than {a: 1, b: 2}
			d.found.at(key.Position.Line, "a key stands alone here; want a colon, a space and a value behind each")
			continue
		}
		do(key.Value, key.Position.Line, pair.Value)
	}
}

// first notes where a key stands and tells whether it does so for the first time.
func (d *decoder) first(path string, line int) bool {
	if earlier, twice := d.found.places[path]; twice {
		d.found.at(line, fmt.Sprintf("duplicate key %s, which stands on line %d already; join the two", path, earlier.line))
		return false
	}
	d.found.note(path, line)
	return true
}

// join and entry make the path of a section's key and of a table's.
func join(path, key string) string  { return strings.TrimPrefix(path+"."+key, ".") }
func entry(path, key string) string { return fmt.Sprintf("%s[%q]", path, key) }
