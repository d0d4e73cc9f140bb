// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package parts

import "errors"

func mount(string, int64) (func(), error) { return nil, errors.New("only on Linux") }

func remount(string, int64) error { return errors.New("only on Linux") }

func lockUp(string) error { return errors.New("only on Linux") }
