package config

import (
	"errors"
	"reflect"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// noValue is the advice where a key stands alone. It could mean "none" or "as it
// comes", and for some keys these are far apart.
const noValue = `has no value; leave the line out for the default, or write ""`

func (d *decoder) flag(node ast.Node, into reflect.Value, path string) {
	if flag, ok := node.(*ast.BoolNode); ok {
		into.SetBool(flag.Value)
		return
	}
	d.found.add(path, "want true or false")
}

// text takes only what YAML itself calls a string. A secret that looks like a
// number is thus refused rather than read as the number's usual spelling.
func (d *decoder) text(node ast.Node, into reflect.Value, path string) {
	if isNull(node) {
		d.found.add(path, noValue)
		return
	}
	switch node := node.(type) {
	case *ast.StringNode:
		into.SetString(node.Value)
	case *ast.LiteralNode:
		into.SetString(node.Value.Value)
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.found.add(path, "want one text, not keys or a list")
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.found.add(path, "want a text; one that begins with &, * or ! must stand in quotes")
	default:
		d.found.add(path, "want a text; put the value in quotes")
	}
}

// duration takes a text with units, as 1h30m, or a whole number of seconds.
func (d *decoder) duration(node ast.Node, into reflect.Value, path string) {
	var length time.Duration
	err := errors.New("not a duration")
	switch node := node.(type) {
	case *ast.StringNode:
		length, err = time.ParseDuration(node.Value)
	case *ast.IntegerNode:
		var seconds int64
		seconds, err = strconv.ParseInt(node.GetToken().Value, 10, 32)
		length = time.Duration(seconds) * time.Second
	}
	if err != nil {
		d.found.add(path, "want a duration, for instance 30s, 15m or 1h")
		return
	}
	into.SetInt(int64(length))
}

// number takes digits alone: no fraction, and none of YAML's other ways to write one.
func (d *decoder) number(node ast.Node, into reflect.Value, path string) {
	if node, ok := node.(*ast.IntegerNode); ok {
		number, err := strconv.ParseInt(node.GetToken().Value, 10, into.Type().Bits())
		if err == nil {
			into.SetInt(number)
			return
		}
	}
	d.found.add(path, "want a whole number, without a unit")
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null || node == nil
}

// lineOf gives the line on which a node begins. A mapping's own token is its first
// colon, which may stand further down.
func lineOf(node ast.Node) int {
	switch mapping := node.(type) {
	case *ast.MappingNode:
		if !mapping.IsFlowStyle && len(mapping.Values) > 0 {
			node = mapping.Values[0].Key
		}
	case *ast.MappingValueNode:
		node = mapping.Key
	}
	if token := node.GetToken(); token != nil && token.Position != nil {
		return token.Position.Line
	}
	return 0
}
