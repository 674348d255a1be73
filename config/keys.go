package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// keyOf is the name a field has in the file.
func keyOf(field reflect.StructField) string { return field.Tag.Get("yaml") }

// fieldsOf lists the fields that can stand in the file.
func fieldsOf(section reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(section), func(field reflect.StructField) bool { return keyOf(field) == "-" })
}

func fieldOf(section reflect.Type, key string) (reflect.StructField, bool) {
	for _, field := range fieldsOf(section) {
		if keyOf(field) == key {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

// keyPaths lists every key beneath a type, in the order of its fields: "client",
// "client.listen" and so on. Entries of a list are written rtm.apps[].
func keyPaths(t reflect.Type, path string) []string {
	switch t.Kind() {
	case reflect.Slice:
		return keyPaths(t.Elem(), path+"[]")
	case reflect.Struct:
		var paths []string
		for _, field := range fieldsOf(t) {
			at := join(path, keyOf(field))
			paths = append(paths, at)
			paths = append(paths, keyPaths(field.Type, at)...)
		}
		return paths
	default:
		return nil
	}
}

// unknownKey is the report of a key that a section does not have.
func (d *decoder) unknownKey(section reflect.Type, path, key string) string {
	nearest := d.nearest(section, path, key)
	if !wordlike(key) {
		return fmt.Sprintf("unknown key; did you mean %q?", nearest)
	}
	return fmt.Sprintf("unknown key %q; did you mean %q?", join(path, key), nearest)
}

// nearest finds the known key that is spelled most like an unknown one: of the
// section it stands in, or of another where it is near to that one only.
func (d *decoder) nearest(section reflect.Type, path, key string) string {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	var here []string
	for _, field := range fieldsOf(section) {
		here = append(here, join(path, keyOf(field)))
	}
	found, far := nearestOf(here, key)
	if strings.HasSuffix(found, "_"+key) {
		return found // half of its name
	}
	if elsewhere, distance := nearestOf(keyPaths(d.root, d.at), key); distance < far && distance*4 <= len(key) {
		return elsewhere
	}
	return found
}

// nearestOf compares a key with the last step of each path.
func nearestOf(paths []string, key string) (nearest string, least int) {
	for i, path := range paths {
		if far := distance(key, path[strings.LastIndex(path, ".")+1:]); i == 0 || far < least {
			nearest, least = path, far
		}
	}
	return nearest, least
}

// wordlike tells whether an unknown key may be repeated in an error: a misspelt
// word may, a secret that slipped into the place of a key must not.
func wordlike(key string) bool {
	digits := 0
	for _, c := range key {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '-':
		case '0' <= c && c <= '9':
			digits++
		default:
			return false
		}
	}
	return len(key) <= 30 && digits <= 2
}

// distance counts the characters to insert, remove or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
