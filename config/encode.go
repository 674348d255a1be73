package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// encode writes a value as [decode] reads it, without a newline at the end. Fields
// that are zero are left out: within a list that is what leaving them out means.
func encode(value reflect.Value, indent string) string {
	if value.Type() == reflect.TypeFor[time.Duration]() {
		return strconv.Quote(value.Interface().(time.Duration).String())
	}
	switch value.Kind() {
	case reflect.Pointer:
		return encode(value.Elem(), indent)
	case reflect.Slice:
		var items []string
		for i := range value.Len() {
			items = append(items, indent+"- "+strings.TrimLeft(encode(value.Index(i), indent+"  "), " "))
		}
		return strings.Join(items, "\n")
	case reflect.Struct:
		return encodeSection(value, indent)
	case reflect.String:
		return strconv.Quote(value.String()) // without quotes it might be a number
	case reflect.Int, reflect.Int64, reflect.Bool:
		return fmt.Sprint(value.Interface())
	default:
		panic("config: no rule to write " + value.Type().String())
	}
}

func encodeSection(section reflect.Value, indent string) string {
	var keys []string
	for _, field := range fieldsOf(section.Type()) {
		value := section.FieldByIndex(field.Index)
		if value.IsZero() {
			continue
		}
		between := " "
		if kind := value.Kind(); kind == reflect.Slice || kind == reflect.Struct {
			between = "\n"
		}
		keys = append(keys, indent+keyOf(field)+":"+between+encode(value, indent+"  "))
	}
	return strings.Join(keys, "\n")
}
