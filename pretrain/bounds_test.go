// SPDX-License-Identifier: Apache-2.0

package pretrain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// preposterous are numbers that somebody may give by mistake or on purpose.
var preposterous = []string{"1000000000", "1000000000000000000", "9223372036854775807", "-1", "-9223372036854775808",
	"1e9", "1e300", ".nan", ".inf", "-.inf"}

// Whatever the number, a setting is refused as a mistake in the request, or the run has a configuration in which every
// number is in its bounds.
func TestPreposterousNumbers(t *testing.T) {
	for _, e := range method.All {
		t.Run(e.Name, func(t *testing.T) {
			for _, path := range numbers(t, e) {
				for _, value := range preposterous {
					resolvesInBounds(t, e.Name, path, value)
				}
			}
		})
	}
}

// numbers are the paths of a method's numbers; of the first method also those of all other sections.
func numbers(t *testing.T, e method.Entry) (paths []string) {
	c := config.Default()
	c.Method = config.MethodConfig{Name: e.Name, Fields: e.New()}
	if e.Name == method.All[0].Name {
		c.Augment = e.New().Views(32)
	}
	l, err := config.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	values, err := config.Values(text, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		first := strings.Trim(v.Text, "[-. ")
		if first == "" || first[0] < '0' || first[0] > '9' {
			continue
		}
		if strings.HasPrefix(v.Path, "method.") || e.Name == method.All[0].Name {
			paths = append(paths, v.Path)
		}
	}
	return paths
}

func resolvesInBounds(t *testing.T, name, path, value string) {
	t.Helper()
	c := config.Default()
	list := path == "data.mean" || path == "data.std"
	for _, end := range []string{"widths", "scale", "ratio", "sigma"} {
		list = list || strings.HasSuffix(path, end)
	}
	if list {
		value = fmt.Sprintf("[%s, %s, %s]", value, value, value)[:]
		if !strings.HasSuffix(path, "widths") && !strings.HasPrefix(path, "data.") {
			value = fmt.Sprintf("[%s]", strings.Join(strings.Split(strings.Trim(value, "[]"), ", ")[:2], ", "))
		}
	}
	settings := []pretrain.Setting{
		pretrain.Set("data.path", "synthetic:64"), pretrain.Set("data.mean", "[0.5, 0.5, 0.5]"),
		pretrain.Set("data.std", "[0.2, 0.2, 0.2]"), pretrain.Set("data.size", c.Data.Size+16),
		pretrain.Set("method.name", name), {Path: path, Value: value, Source: "test"},
	}
	j, err := pretrain.Resolve(t.Context(), &pretrain.Request{Preset: "tiny-cpu", Stage: true, Settings: settings})
	var invalid *run.InvalidError
	switch {
	case err != nil && !errors.As(err, &invalid):
		t.Errorf("%s=%s: %v, which is no mistake in the request", path, value, err)
	case err == nil:
		if err := j.Config.Validate(); err != nil {
			t.Errorf("%s=%s: %v", path, value, err)
		}
		j.Close()
	}
}
