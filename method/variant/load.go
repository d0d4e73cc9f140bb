// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
)

// Load reads the config of a run and returns it with the run's method, around which are the variants that it asks for.
// The method may be one of a program's own.
func Load(text []byte, own ...method.Entry) (parallax.Method, *config.Config, error) {
	name, err := config.MethodOf(text, config.File)
	if err != nil {
		return nil, nil, err
	}
	entry, err := method.Find(name, own...)
	if err != nil {
		return nil, nil, err
	}
	m := entry.New()
	c, err := config.Load(text, m)
	if err != nil {
		return nil, nil, err
	}
	m, err = Wrap(m, c.Config)
	return m, c.Config, err
}
