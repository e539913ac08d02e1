// Command gpu-plugin is a device plugin that offers GPUs which do not exist.
//
// The kubelet, the scheduler and quota count them exactly as real ones, and their number outlives a restart of the
// kubelet, which resets a number that was only patched into the node's status.
//
//	gpu-plugin SOCKET FILE
//
// SOCKET lies in the kubelet's plugins_registry, where the kubelet finds it by itself. FILE holds the number of GPUs and
// is read again every half second.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	device "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const (
	resource = "nvidia.com/gpu"
	interval = 500 * time.Millisecond
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gpu-plugin SOCKET FILE")
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func serve(socket, file string) error {
	if _, err := readCount(file); err != nil {
		return err
	}
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, registrar{})
	device.RegisterDevicePluginServer(server, plugin{file: file})
	return server.Serve(listener)
}

func readCount(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || count < 0 {
		return 0, fmt.Errorf("%s: %q is not a number of GPUs", file, text)
	}
	return count, nil
}

// registrar tells the kubelet what listens on the socket.
type registrar struct {
	registration.UnimplementedRegistrationServer
}

func (registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.DevicePlugin,
		Name:              resource,
		SupportedVersions: device.SupportedVersions[:],
	}, nil
}

func (registrar) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	log.Printf("kubelet registered the plugin: %v %s", status.PluginRegistered, status.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

type plugin struct {
	device.UnimplementedDevicePluginServer
	file string
}

func (plugin) GetDevicePluginOptions(context.Context, *device.Empty) (*device.DevicePluginOptions, error) {
	return &device.DevicePluginOptions{}, nil
}

// ListAndWatch sends the list of devices whenever their number changes. An unreadable number keeps the last one.
func (p plugin) ListAndWatch(_ *device.Empty, stream grpc.ServerStreamingServer[device.ListAndWatchResponse]) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for sent := -1; ; {
		count, err := readCount(p.file)
		if err != nil {
			log.Print(err)
		} else if count != sent {
			if err := stream.Send(&device.ListAndWatchResponse{Devices: devices(count)}); err != nil {
				return err
			}
			log.Printf("offering %d of %s", count, resource)
			sent = count
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-ticker.C:
		}
	}
}

func devices(count int) []*device.Device {
	list := make([]*device.Device, count)
	for i := range list {
		list[i] = &device.Device{ID: fmt.Sprintf("gpu-%d", i), Health: device.Healthy}
	}
	return list
}

// Allocate shows each container which devices it was given, in the variable that NVIDIA's own plugin uses.
func (plugin) Allocate(_ context.Context, request *device.AllocateRequest) (*device.AllocateResponse, error) {
	response := &device.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &device.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		})
	}
	return response, nil
}
