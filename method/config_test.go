// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
)

// alter changes a value, and every value inside it.
func alter(t *testing.T, v reflect.Value) {
	if named, ok := v.Addr().Interface().(*nn.Norm); ok {
		*named = nn.GroupStatistics
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 3)
	case reflect.Float64:
		v.SetFloat(v.Float()/3 + 1e-9)
	case reflect.String:
		v.SetString(v.String() + " #x: 'y'")
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			alter(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				alter(t, v.Field(i))
			}
		}
	default:
		t.Errorf("a hyperparameter of type %v", v.Type())
	}
}

// Every hyperparameter comes back from the config file as it went in, to the last bit.
func TestHyperparametersSurviveTheConfigFile(t *testing.T) {
	for _, e := range slices.Concat(method.All, method.Later) {
		t.Run(e.Name, func(t *testing.T) {
			for _, altered := range []bool{false, true} {
				m := e.New()
				if altered {
					alter(t, reflect.ValueOf(m).Elem())
				}
				c := config.Default()
				c.Method = config.MethodConfig{Name: e.Name, Fields: m}
				c.Augment = m.Views(32)
				l, err := config.New(&c)
				if err != nil {
					t.Fatal(err)
				}
				text, err := l.Encode()
				if err != nil {
					t.Fatal(err)
				}
				back := e.New()
				got, err := config.Load(text, back)
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				// Both are unbuilt, so their unexported fields are zero.
				if !reflect.DeepEqual(m, back) {
					t.Errorf("altered %v: %+v became %+v by way of\n%s", altered, m, back, text)
				}
				if diff := cmp.Diff(m.Views(32), got.Augment); diff != "" {
					t.Errorf("the recipes: %s", diff)
				}
				if name, err := config.MethodOf(text, run.ConfigFile); name != e.Name || err != nil {
					t.Errorf("the config is of %q, %v", name, err)
				}
			}
		})
	}
}
