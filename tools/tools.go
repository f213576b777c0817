//go:build tools

// Package tools pins the real parts that the tests run against.
package tools

import (
	_ "github.com/distribution/distribution/v3/cmd/registry"
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
