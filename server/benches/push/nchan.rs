//! The control: nginx with nchan.

use crate::nginx::{Nginx, packages};

pub async fn start() -> Option<Nginx> {
    let module = packages()?.join("usr/lib/nginx/modules/ngx_nchan_module.so");
    Nginx::start(|place| {
        let (module, here) = (module.display(), place.home.display());
        let (temporary, address) = (place.temporary, place.address);
        format!(
            "load_module {module};\n\
             daemon off; worker_processes auto; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 16384; }}\n\
             http {{\naccess_log off; tcp_nodelay on;\n{temporary}\
             server {{\nlisten {address};\n\
             location = /pub {{ nchan_publisher; nchan_channel_id live; nchan_message_buffer_length 10; }}\n\
             location = /sub {{ nchan_subscriber eventsource; nchan_channel_id live; nchan_subscriber_first_message newest; }}\n\
             }}\n}}\n"
        )
    })
    .await
}
