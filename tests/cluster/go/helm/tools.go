//go:build tools

// Package tools pins the Helm command which tests/cluster/build compiles on request.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
