//! The runtime on a real device, and its answers where there is none.

use super::*;

fn needs_device() -> std::sync::Arc<Device> {
    Device::open(0).expect("the feature gpu-tests asks for a device")
}

#[test]
fn without_a_driver_it_says_so() {
    // On a machine with a driver any answer but a panic will do.
    match Device::count() {
        Ok(_) => (),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn memory_comes_back_as_it_went() {
    let device = needs_device();
    let stream = Stream::new(&device).unwrap();
    let data: Vec<f32> = (0..1000).map(|i| i as f32).collect();
    let buffer = DeviceBuffer::from_slice(&device, &data).unwrap();
    let mut copy = DeviceBuffer::zeroed(&device, buffer.len_bytes()).unwrap();
    copy.copy_from(&stream, &buffer, buffer.len_bytes()).unwrap();
    let mut pinned = PinnedBuffer::<f32>::zeroed(&device, 1000).unwrap();
    copy.download(&stream, &mut pinned).unwrap();
    stream.synchronize().unwrap();
    assert_eq!(&pinned[..], &data[..]);
    let mut short = vec![0f32; 1001];
    assert!(matches!(
        copy.download_sync(&stream, &mut short),
        Err(Error::Size { need: 4004, have: 4000, .. })
    ));
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn an_event_orders_two_streams() {
    let device = needs_device();
    let (first, second) = (Stream::new(&device).unwrap(), Stream::new(&device).unwrap());
    let len = 64 << 20;
    let source = DeviceBuffer::from_slice(&device, &vec![7u8; len]).unwrap();
    let mut middle = DeviceBuffer::zeroed(&device, len).unwrap();
    let mut end = DeviceBuffer::zeroed(&device, len).unwrap();
    let event = Event::new(&device).unwrap();
    for _ in 0..20 {
        middle.copy_from(&first, &source, len).unwrap();
    }
    event.record(&first).unwrap();
    second.wait(&event).unwrap();
    end.copy_from(&second, &middle, len).unwrap();
    let mut back = vec![0u8; len];
    end.download_sync(&second, &mut back).unwrap();
    assert!(back.iter().all(|&b| b == 7));
}

/// Two handles of one GPU share its context: one taking memory spoilt what the other captured.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn captures_of_one_handle_survive_allocations_of_another() {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let device = needs_device();
            for _ in 0..300 {
                DeviceBuffer::from_slice(&device, &[1u32; 64]).unwrap();
            }
        });
        let device = needs_device();
        let stream = Stream::new(&device).unwrap();
        let source = DeviceBuffer::from_slice(&device, &[5u32; 64]).unwrap();
        let mut target = DeviceBuffer::zeroed(&device, 256).unwrap();
        for _ in 0..300 {
            let copies = |s: &Stream| (0..20).try_for_each(|_| target.copy_from(s, &source, 256));
            stream.capture::<Error>(copies).unwrap().launch(&stream).unwrap();
        }
        stream.synchronize().unwrap();
    });
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_captured_copy_runs_when_launched_only() {
    let device = needs_device();
    let stream = Stream::new(&device).unwrap();
    let source = DeviceBuffer::from_slice(&device, &[5u32; 64]).unwrap();
    let mut target = DeviceBuffer::zeroed(&device, 256).unwrap();
    let mut graph = stream.capture::<Error>(|s| target.copy_from(s, &source, 256)).unwrap();
    let mut back = [0u32; 64];
    target.download_sync(&stream, &mut back).unwrap();
    assert_eq!(back, [0; 64]);
    graph.launch(&stream).unwrap();
    target.download_sync(&stream, &mut back).unwrap();
    assert_eq!(back, [5; 64]);
}
